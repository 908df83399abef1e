"""Host: the words of a report that not everybody knows, told where they stand and once more at its end."""

import re

from jaxsolve.report.markup import Markup, element, joined

ANSWER, BEST_FOUND = "answer", "best found order"
TERMS = {
    "mse": ("MSE", "mean squared error: the mean of the squares of what predictions differ by. 0 is perfect."),
    "r2": (
        "R²",
        "share of the variance of the predictions that is accounted for: 1 - MSE / variance. 1 is perfect, 0 is no "
        "better than their mean.",
    ),
    "block": ("block", "a part of the network that adds to its state what its two halves make of that state."),
    "half": (
        "first half, second half",
        "the two pieces of a block: the first, W_in, leads from the features to the hidden units; the second, W_out, "
        "leads back.",
    ),
    "pair": ("pair", "a first and a second half that are taken for one block."),
    "score": ("pair score", "how well two halves fit each other, told by their weights alone. Larger is better."),
    "order": ("order", "which block stands at which position, counted from 0, where the inputs come in."),
    "tau": (
        "tau",
        "Kendall's rank correlation of two orders. 1: the same; 0: no more alike than chance; -1: one is the other "
        "reversed.",
    ),
    "piece": ("piece id", "the number of a piece in the puzzle; an order is given by these ids, the readout last."),
    "readout": ("readout", "the last layer, which turns the state into the prediction."),
    "evaluation": ("evaluation", "one candidate whose error was computed."),
    "attempt": ("attempt", "one search, from pairs and a first order until it finds nothing better."),
    "round": ("round", "one pass of a search over its moves, such as exchanges of two blocks."),
    "frame": ("frame", "an order that is better than those before it in its attempt."),
    "certificate": (
        "certificate",
        "what is proven, in float64 over all rows, whatever the search went by.",
    ),
    "rows": ("rows of the search", "the part of the table that candidates are compared on; answers are judged on all."),
    "sha256": ("SHA-256", "a hash of the piece ids in their order, joined by commas; it tells two orders apart."),
    "best": (BEST_FOUND, "the order with the lowest error so far. It is not proven, and may be wrong."),
    "solved": ("solved", "every prediction is reproduced, or the hash is the expected one."),
    "identified": (
        "identified",
        "the data single out this order, though the predictions are not reproduced in full.",
    ),
    "accepted": ("accepted", "R² is as high as was asked for; nothing is proven."),
    "unidentifiable": ("unidentifiable", "the data cannot tell this order from others."),
    "unsolved": ("not solved", "none of these; what is shown is the best found order."),
}
"""Names that are told, and what they mean, by keys that are unique on a page."""
VERDICTS = {
    "solved": "Solved",
    "identified": "Identified",
    "accepted": "Accepted",
    "unidentifiable": "Unidentifiable",
    "unsolved": "Not solved",
    "out_of_time": "Not solved in time",
    "out_of_memory": "Not solved: out of memory",
    "interrupted": "Interrupted",
    "lost": "Not solved: a process was lost",
    "failed": "Failed",
    "running": "Still running",
    "unfinished": "Ended from outside",
    "finished": "Finished",
}
"""How a run ended, by its status."""


def term(key: str, shown: str | None = None) -> Markup:
    """Return a word that tells what it means to whoever points at it, or reaches it by the keyboard or a finger.

    It leads to the glossary, which has to be on the same page.
    """
    name, meaning = TERMS[key]
    told = {"href": f"#term-{key}", "aria_describedby": f"term-{key}", "data_tip": meaning}
    return element("a", shown or name, class_="term", **told)


def verdict(status: str) -> Markup:
    """Return how a run ended, in words that tell what they mean where that needs to be told."""
    text = VERDICTS.get(status, status)
    unsolved = status in ("out_of_time", "out_of_memory", "interrupted", "lost")
    key = "unsolved" if unsolved else status
    return term(key, text) if key in TERMS else joined([text])


def best_word(status: str) -> str:
    """Return what to call the best order of a run: nothing that is unsolved has an answer."""
    return ANSWER if status in ("solved", "identified", "accepted") else BEST_FOUND


def in_words_of(word: str, text: str) -> str:
    """Return a sentence on the best order of a run in which that is called by its word."""
    return text if word == ANSWER else re.sub(r"\b(the|The)( best)? answer\b", rf"\1 {word}", text)


def glossary() -> Markup:
    """Return all terms and what they mean."""
    entries = (
        element("div", element("dt", name), element("dd", meaning, id=f"term-{key}"))
        for key, (name, meaning) in TERMS.items()
    )
    return element("dl", *entries, class_="glossary")
