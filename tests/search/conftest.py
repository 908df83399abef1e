"""What all tests of searches share: puzzles of one shape, and as few programs for them as there can be."""

import pytest

from jaxsolve.search import beam as beams, probe_beam as probe_beams


@pytest.fixture(autouse=True)
def few_programs(monkeypatch):
    """Room for more states than there are: it takes long to compile a program for each number of them."""
    room = lambda count: 16 if 1 < count < 16 else 1 << (count - 1).bit_length()
    for module in (beams, probe_beams):
        monkeypatch.setattr(module, "room_for", room)
