"""Host: what is said of wrong usage, which the parser of the command line finds: the thing, and the way out."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from jaxsolve.errors import nearest

KINDS = {"integer": "a whole number", "float": "a number", "number": "a number"}
"""What a value is to be, by a word that the parser says of one that is not."""


def worded(error: Any, arguments: Sequence[str], commands: Sequence[str], command: str) -> str:
    """Return what is to be said of an error of the parser.

    Parameters
    ----------
    error
        What the parser has raised.
    arguments
        What was typed behind the name of the program.
    commands
        Names of the commands there are, of the group that was meant.
    command
        The command that was meant, in words.
    """
    told, see = _worded(error, arguments, commands), f"see '{command} --help'"
    return f"{told} {see[0].upper()}{see[1:]}" if told.endswith("?") else f"{told}; {see}"


def _worded(error: Any, arguments: Sequence[str], commands: Sequence[str]) -> str:
    kind, message = type(error).__name__, str(error.format_message()).rstrip(".")
    if kind == "NoSuchOption":
        return f"no option {error.option_name!r}{nearest(error.option_name, _options(error.ctx))}"
    if message.startswith("No such command"):
        name = next((word for word in arguments if word not in commands and f"{word!r}" in message), "")
        return f"no command {name!r}{nearest(name, commands)}" if name else message
    if kind == "BadOptionUsage":
        if "does not take a value" in message:
            return f"{error.option_name} takes no value; it is on where it is said"
        return f"{error.option_name} needs a value behind it{_wanted(error)}"
    if kind == "MissingParameter":
        return f"missing {getattr(error.param, 'metavar', None) or error.param.name}{_told(error.param)}"
    if kind == "BadParameter" and error.param is not None:
        return _bad(error, arguments, message)
    if "unexpected extra argument" in message:
        extra = message.rpartition("(")[2].rstrip(")")
        return f"{extra!r} is one argument too many"
    return message


def _options(context: Any) -> list[str]:
    """Return the names of all options of the command that was meant."""
    parameters = [] if context is None else context.command.get_params(context)
    return [name for one in parameters for name in (*one.opts, *one.secondary_opts) if name.startswith("-")]


def _bad(error: Any, arguments: Sequence[str], message: str) -> str:
    """Return what is to be said of a value that an option or an argument cannot have."""
    names = [name for name in error.param.opts if name.startswith("-")]
    behind = [after for name, after in pairwise(arguments) if name in names]
    joined = [word.partition("=")[2] for word in arguments if word.partition("=")[0] in names and "=" in word]
    given = f"{[*behind, *joined][-1]!r}" if behind or joined else "no such value"
    least = message.partition("greater than or equal to ")[2] or message.partition("x>=")[2].rstrip(". ")
    wanted = next((words for word, words in KINDS.items() if word in message), "another value")
    wanted = f"at least {least}" if least else wanted
    return f"{max(names, key=len, default=error.param.name)} is {given}; expected {wanted}"


def _wanted(error: Any) -> str:
    """Return what is expected behind an option, as help shows it."""
    parameters = [] if error.ctx is None else error.ctx.command.get_params(error.ctx)
    own = next((one.metavar for one in parameters if error.option_name in one.opts), None)
    return f", as {error.option_name} {own}" if own else ""


def _told(parameter: Any) -> str:
    text = (getattr(parameter, "help", None) or "").rstrip(".")
    first = text[:1] if text[1:2].isupper() else text[:1].lower()  # an abbreviation stays as it is
    return f": {first}{text[1:]}" if text else ""
