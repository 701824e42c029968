"""A typed client of the API, for scripts and for the command line: answers are the shapes of `app.services.shapes`.

from app.client import Client

with Client("http://127.0.0.1:8000") as client:
    asked = client.queries.submit(prompt="The capital of Rosthaar is", completion="Velm",
                                  models=["large"], corpus="demo")
    client.queries.wait(asked)
    for row in client.runs.influences(asked.runs[0]):
        print(row.rank, row.nats_per_copy, row.text)
"""

from app.client.client import Client
from app.client.errors import ApiError, Unreachable

__all__ = ["ApiError", "Client", "Unreachable"]
