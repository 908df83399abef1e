"""Host: names in the order in which people count."""

import re


def natural(name: str) -> list[tuple[int, str]]:
    """Return what sorts names as people do: f2 before f10."""
    number = lambda digits: (len(digits.lstrip("0")), digits.lstrip("0"))  # of any length
    return [number(word) if k % 2 else (-1, word) for k, word in enumerate(re.split(r"(\d+)", name))]
