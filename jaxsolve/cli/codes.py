"""Host: exit codes, and what they mean."""

import signal

from jaxsolve.cli import interrupts
from jaxsolve.errors import JaxsolveError

INTERNAL_ERROR = 70
OF_STATUS = {
    "solved": 0,
    "identified": 0,
    "accepted": 0,
    "unidentifiable": 1,
    "unsolved": 1,
    "out_of_time": 1,
    "out_of_memory": 1,
    "lost": 3,
}
"""Exit codes of searches by how they ended, where no signal ended them."""
MEANINGS = {
    0: "solved, identified, or accepted by `--tolerance` (`verify`: the answer is right), or done",
    1: "not solved within the budget or the memory; unidentifiable; identified, but `--exact` asks for more; or runs "
    "of a sweep are left; the best answer is printed and saved",
    JaxsolveError.exit_code: "bad input or usage, or something cannot be read, written or held in memory; one line "
    "says what is wrong and what to do",
    OF_STATUS["lost"]: "another process of the same run died; the best answer is printed and saved",
    INTERNAL_ERROR: "a bug: please report it with what `--debug` shows",
    128 + signal.SIGINT: "interrupted (Ctrl-C); the best answer is printed and saved within two seconds (a third "
    "Ctrl-C ends at once)",
    128 + signal.SIGTERM: "terminated (SIGTERM); the best answer is printed and saved within two seconds",
}
"""The page ``json`` of the manual has the same table."""


def of(status: str, *, exact: bool = False) -> int:
    """Return the exit code of a search that ended with a status; `exact`: one that is identified is not enough."""
    if exact and status in ("identified", "accepted"):
        return 1
    return interrupts.exit_code() if status == "interrupted" else OF_STATUS[status]


def help_text() -> str:
    """Return the table as paragraphs, as help shows them."""
    lines = (f"{code}: {meaning.replace('`', '')}." for code, meaning in MEANINGS.items())
    return "\n\n".join(["Exit codes of all commands:", *lines])
