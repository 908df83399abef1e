"""Host: what can go wrong, each kind with the exit code the command line gives it, and how it is worded."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


def one_line(text: object) -> str:
    """Return text on one line, without control characters that could write to a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def nearest(word: object, words: Iterable[str], then: str = "") -> str:
    """Return how a message on a word that is none goes on: with the one of some words that may have been meant.

    Case does not matter, nor whether parts are joined by ``-`` or ``_``. `then` is the next thing said, whether one is
    near or not.
    """
    plain = {one.lower().replace("_", "-"): one for one in words}
    found = get_close_matches(str(word)[:100].lower().replace("_", "-"), plain, 1)
    if found:
        return f"; did you mean {plain[found[0]]!r}?{f' {then[0].upper()}{then[1:]}' if then else ''}"
    return f"; {then}" if then else ""


def first_of(words: Sequence[object], most: int = 3) -> str:
    """Return some words joined by commas, and a sign that there are more of them where there are."""
    return ", ".join(map(str, words[:most])) + ", …" * (len(words) > most)


def no_such(what: str, name: object, names: Iterable[str], choose: str = "choose one of") -> str:
    """Return what is to be said of a name that nothing has: the nearest one, if one is near, and all there are.

    Parameters
    ----------
    what
        What is called by such names: ``pairing``.
    name
        The name that was given.
    names
        Those that there are.
    choose
        What is done with them.
    """
    names = list(names)
    listed = f"{choose} {', '.join(names)}"
    return f"no {what} {name!r}{nearest(name, names, listed)}"


def install_words(extra: str) -> str:
    """Return the command that adds an extra of this package, by where it was installed from: a folder, or an index."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from pathlib import Path
    from urllib.parse import unquote, urlsplit

    try:
        told = json.loads(distribution("jaxsolve").read_text("direct_url.json") or "{}")
        url, about = urlsplit(told.get("url", "")), told.get("dir_info")
    except (PackageNotFoundError, ValueError, AttributeError):
        return f"pip install 'jaxsolve[{extra}]'"
    folder = Path(unquote(url.path))
    if about is None or url.scheme != "file" or not folder.is_dir():
        return f"pip install 'jaxsolve[{extra}]'"
    place = "." if folder == Path.cwd() else folder
    return f"pip install {'-e ' if about.get('editable') else ''}'{place}[{extra}]'"


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
