"""The application on a real server, for the browser: `python -m tests.browser.serve HOME PORT`."""

import sys
from pathlib import Path

import uvicorn

from app.jobs.client import NullJobs
from app.settings import Settings
from app.web.main import create_app

if __name__ == "__main__":
    home, port = Path(sys.argv[1]), int(sys.argv[2])
    app = create_app(Settings(home=home), NullJobs())
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1)
