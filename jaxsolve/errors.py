"""Host: what can go wrong, each kind with the exit code the command line gives it."""


class JaxsolveError(Exception):
    """A failure the user can act on: one line that names the thing and the way out."""

    exit_code = 2


class PuzzleError(JaxsolveError):
    """The puzzle cannot be read, or its pieces do not make a network."""


class AnswerError(JaxsolveError):
    """An answer does not use every piece of the puzzle once, where its shape fits."""


class UsageError(JaxsolveError):
    """An option has a value that cannot be used."""


class OutputError(JaxsolveError):
    """A result cannot be written."""
