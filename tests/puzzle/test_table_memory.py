"""A table of gigabytes is read line by line: beside its bytes only numbers are held."""

import tracemalloc

from jaxsolve.puzzle.table import read_table


def test_reading_takes_twice_the_numbers():
    line = ",".join(["-0.12345678901234"] * 9) + "\n"
    data = (",".join([*(f"measurement_{k}" for k in range(8)), "pred"]) + "\n" + 10_000 * line).encode()
    read_table(data, "warm")
    tracemalloc.start()
    try:
        table = read_table(data, "table")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert table.x.shape == (10_000, 8)
    assert peak < 3 * 8 * 10_000 * 9
