"""`python -m app.cli`, which is how `influence up` starts its worker."""

from app.cli import main

main()
