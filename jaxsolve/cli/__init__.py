"""Host: the command line. One command a file; only this room prints."""

import os
import sys
import time

from jaxsolve.cli import interrupts, status

_IMPORTED = time.perf_counter()
_process_is_ours = False


def started() -> float:
    """Return when the command began: with the process where it is ours, now where a program calls the command."""
    return _IMPORTED if _process_is_ours else time.perf_counter()


def main() -> None:
    """Run the command line, and leave without tearing JAX down, which takes a quarter of a second."""
    global _process_is_ours
    _process_is_ours = True
    interrupts.leave_at_once()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]
    # rows run through the network in threads of our own, which BLAS's would only get in the way of
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    status.begin(sys.argv[1:])
    from jaxsolve.cli.app import run

    code = 1
    try:
        code = run(sys.argv[1:])
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except BrokenPipeError:  # whoever reads the output has seen enough
        pass
    except SystemExit as error:  # how Rich leaves then
        code = error.code if isinstance(error.code, int) else code
    except BaseException as error:  # the interpreter would print it, but is not asked any more
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        status.clear()
        os._exit(code)
