"""Time what is registered and `jaxsolve profile` does not measure, on the embedded puzzle.

pip install -e '.[bench]' && pytest bench/micro.py [--benchmark-json FILE]
"""

import numpy as np
import pytest

from jaxsolve import demo_puzzle
from jaxsolve.certificate import certify, with_neighbour
from jaxsolve.ordering import SEEDS, Paired, seed_order
from jaxsolve.pairing import PAIRINGS, pair as pair_by
from jaxsolve.run import Run
from jaxsolve.search import SEARCHES, begin, descend

ROWS = 512


@pytest.fixture(scope="module")
def paired():
    """Return the embedded puzzle, its halves paired by the weights."""
    puzzle = demo_puzzle()
    return Paired(puzzle.first_rows(ROWS), pair_by(puzzle, "trace").partner.astype(np.int32), Run())


@pytest.fixture(scope="module")
def start(paired):
    """Return a random order."""
    return paired.assembly(seed_order(paired, "random"))


@pytest.mark.parametrize("name", PAIRINGS)
def test_pairing(benchmark, name):
    """Score all pairs and assign them."""
    benchmark(pair_by, demo_puzzle(), name)


@pytest.mark.parametrize("name", SEEDS)
def test_seed(benchmark, paired, name):
    """Make a first order."""
    benchmark(seed_order, paired, name)


@pytest.mark.parametrize("name", SEARCHES)
def test_search(benchmark, paired, start, name):
    """Search from a random order to a local optimum."""
    benchmark.pedantic(
        lambda: descend(paired.problem, begin(paired.problem, start, paired.run), name, paired.run),
        rounds=3,
        warmup_rounds=1,
    )


def test_certificate(benchmark, start):
    """Judge an answer in float64 and look for its closest rival."""
    puzzle = demo_puzzle()
    benchmark(lambda: with_neighbour(puzzle, certify(puzzle, start)))
