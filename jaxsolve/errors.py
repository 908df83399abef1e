"""Host: what can go wrong, each kind with the exit code the command line gives it."""


def one_line(text: object) -> str:
    """Return text on one line, without control characters that could write to a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


class JaxsolveError(Exception):
    """A failure the user can act on: one line that names the thing and the way out."""

    exit_code = 2
    longest = 1500
    """Characters of a message; what files hold may be in it."""

    def __str__(self) -> str:
        """Return the message on one line, its middle left out where it is too long."""
        text, half = one_line(super().__str__()), self.longest // 2
        return text if len(text) <= self.longest else f"{text[:half]} … {text[-half:]}"


class PuzzleError(JaxsolveError):
    """The puzzle cannot be read, or its pieces do not make a network."""


class AnswerError(JaxsolveError):
    """An answer does not use every piece of the puzzle once, where its shape fits."""


class UsageError(JaxsolveError):
    """An option has a value that cannot be used."""


class OutputError(JaxsolveError):
    """A result cannot be written."""


class OutOfMemoryError(JaxsolveError):
    """A piece of work needs more memory than there is, however small its parts are made."""


EXHAUSTED = "RESOURCE_EXHAUSTED"
"""What a failure of JAX begins with where a device, or the host for it, has no memory left."""


def out_of_memory(error: BaseException) -> OutOfMemoryError | None:
    """Return what is to be said of a failure for want of memory, of the host or of a device; None: it is another."""
    what = str(error).strip().partition("\n")[0]
    if not isinstance(error, MemoryError) and not what.startswith(EXHAUSTED):
        return None
    why = what.removeprefix(EXHAUSTED).lstrip(": ")[:200]
    return OutOfMemoryError(f"out of memory{f' ({why})' if why else ''}; fewer rows, states or chains take less")
