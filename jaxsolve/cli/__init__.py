"""Host: the command line. One command a file; only this room prints."""

import time

STARTED = time.perf_counter()
"""When the process began, as nearly as Python code can tell."""


def main() -> None:
    """Run the command line."""
    from jaxsolve.cli.app import app

    app()
