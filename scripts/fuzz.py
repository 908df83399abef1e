"""Fuzz every reader for long: what CI does with a hundred inputs of each format, with as many as you like.

python scripts/fuzz.py [FORMAT …] [--inputs N] [--seed K] [--jobs J] [--failures FILE] [--first K]

Each input is one of a small corpus (`tests/fuzzing/corpus.py`: files as they should be, and hostile ones), mutated as
`tests/fuzzing/formats.py` says for its format. It is read in a process of its own kind, which is watched for
exceptions other than refusals in one line, for code that runs, programs that start, files written elsewhere and
connections (audit hooks, PEP 578, and a canary), for more than 5 s of work and for more than 1 GiB of memory. Input k
depends on the format, the seed and k alone, so that ``--first K --inputs 1`` repeats one.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.fuzzing.watching import Tally, fuzz  # noqa: E402

KINDS = ("traceback", "payload", "written", "hang", "memory", "crash")


def main() -> None:
    """Fuzz, print a table, and fail if anything was found."""
    from tests.fuzzing.formats import FORMATS

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("formats", nargs="*", default=[*FORMATS], help=", ".join(FORMATS))
    parser.add_argument("--inputs", type=int, default=10_000, help="of each format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--jobs", type=int, default=1, help="formats at a time")
    parser.add_argument("--failures", type=Path, help="write what was found to this file")
    asked = parser.parse_args()
    if unknown := set(asked.formats) - set(FORMATS):
        parser.error(f"no format {', '.join(sorted(unknown))}; there are {', '.join(FORMATS)}")
    print(f"| format | inputs | read | refused | {' | '.join(KINDS)} | most work, s | most memory, MiB |")
    print("|---" * (6 + len(KINDS)) + "|", flush=True)
    found: list[str] = []

    def one(name: str) -> tuple[str, Tally]:
        return name, fuzz("tests.fuzzing.formats:FORMATS", name, asked.seed, asked.inputs, start=asked.first)

    with ThreadPoolExecutor(asked.jobs) as threads:
        for name, tally in threads.map(one, asked.formats):
            counts = " | ".join(str(tally.count(kind)) for kind in KINDS)
            figures = f"{tally.inputs} | {tally.accepted} | {tally.refused} | {counts}"
            print(f"| {name} | {figures} | {tally.cpu:.2f} | {tally.memory >> 20} |", flush=True)
            found += [f"{name}: {kind}: {text}" for kind, texts in tally.failures.items() for text in texts]
            if asked.failures is not None:
                asked.failures.write_text("\n\n".join(found))
    for text in found[:20]:
        print(f"\n{text[-1500:]}", file=sys.stderr)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
