"""Host: the command line. One command a file; only this room prints."""

import os
import sys
import time

STARTED = time.perf_counter()
"""When the process began, as nearly as Python code can tell."""


def main() -> None:
    """Run the command line, and leave without tearing JAX down, which takes a quarter of a second."""
    # rows run through the network in threads of our own, which BLAS's would only get in the way of
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from jaxsolve.cli.app import app

    try:
        app()
    except SystemExit as end:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
