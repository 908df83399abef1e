"""Every format that is read: files to begin with, how they are mutated, and the reader, as commands call it."""

import gzip
import io
import random
import shutil
import zlib
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxsolve.errors import JaxsolveError
from jaxsolve.formats.pth import read_pth
from jaxsolve.formats.source import Source
from jaxsolve.puzzle import Limits, read_answer, read_puzzle, running, write_puzzle
from jaxsolve.puzzle.pieces import read_pieces
from jaxsolve.puzzle.table import read_table
from tests.fuzzing import corpus
from tests.fuzzing.mutations import mutated, rejsoned, repickled, retyped, rewritten, rezipped


class RefusedError(JaxsolveError):
    """A command said in one line why it does not go on."""


@dataclass(frozen=True)
class Format:
    """One kind of file."""

    seeds: Callable[[Path], list[bytes]]
    """Files to begin with; the first is as it should be. They may be made in a folder."""
    inside: Callable[[random.Random, bytes, Path], bytes]
    """What mutates below checksums and syntax, so that it is not found out at once."""
    read: Callable[[bytes, Path, bool], object]
    """Reads a file, in a folder of its own and, where told, all that takes long; `JaxsolveError` where it refuses."""
    bytewise: float = 0.4
    """Share of mutations that know nothing of the format."""

    def mutate(self, rng: random.Random, seeds: list[bytes], folder: Path) -> bytes:
        """Return one of the files, mutated or, seldom, as it is."""
        data = seeds[0] if rng.random() < 0.3 else rng.choice(seeds)
        if rng.random() < 0.02:
            return data
        if rng.random() < self.bytewise:
            return mutated(rng, data, rng.choice(seeds))
        return self.inside(rng, data, folder)


def command(*arguments: str) -> str:
    """Run a command; return what it prints. Whatever is no refusal in single lines is an error."""
    from jaxsolve.cli.app import run

    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([*arguments])
        if code not in (0, 1, 2):
            run([*arguments, "--debug"])
    if code not in (0, 1, 2) or any(not line.startswith("jaxsolve: ") for line in err.getvalue().splitlines()):
        raise AssertionError(f"exit code {code}: {err.getvalue()[-3000:]}")
    if code == 2:
        raise RefusedError(err.getvalue())
    return out.getvalue()


class Held(Source):
    """A source that holds one file."""

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__("held", Limits())
        self._name, self._data, self._packed = name, data, len(data)

    def names(self) -> list[str]:
        return [self._name]

    def read(self, name: str) -> bytes:
        return self._data

    def head(self, name: str, size: int) -> bytes:
        return self._data[:size]


def plainly(mutate: Callable[[random.Random, bytes], bytes]) -> Callable[[random.Random, bytes, Path], bytes]:
    return lambda rng, data, folder: mutate(rng, data)


def pickle_or_bytes(rng: random.Random, data: bytes) -> bytes:
    return _PICKLE(rng, data) if data[:1] == b"\x80" else mutated(rng, data)


_PICKLE = repickled(corpus.FRAGMENTS)
_PTH = rezipped(pickle_or_bytes)
_NPZ = rezipped(mutated)
CELLS = [
    b"", b"nan", b"inf", b"-1e309", b"1e-400", b"0x1p3", b"1_000", b"9" * 5000, b'"', b'""', b'"1', b'a"b', b"\0", b"\xff", b"\r", b"1 2", b" 1",
    b"true", b"None", b"=1+1", b"1;2", b"\xef\xbb\xbf", b"pred", b"true", b"measurement_0", b"measurement_999999999999999", b"1,1", b"\n\n", b"#1", b"1j",
    b"2020-01-01", b"'1'", "\u0661".encode(), b"," * 3000, b"\n" * 3000, b'"\n' * 3000,
]  # fmt: skip
WORDS = [
    b"", b"9" * 20, b"9" * 5000, b"-1", b"0", b"1e999", b"nan", b"inf", b"true", b'"x"', b'"""', b"'''", b"[", b"]", b"{}", b"[grid]", b"[[grid]]",
    b"[options]", b"a.b.c", b"method", b'"beam"', b'"beam,annealing,descent"', b"width", b"chains", b"pairing", b"sha256", b"= ", b"#", b"[1, [2]]",
    b"1979-05-27", b"\\u0000", b'"\\ud800"', b"[" * 2000, b"0x7fffffffffffffffff", b"grid", b"options", b"rows", b"[1,2,3,4,5,6,7,8,9,10,11,12]", b"\0", b"\xff",
]  # fmt: skip


def _table(rng: random.Random, data: bytes) -> bytes:
    return _CELLS(rng, data) if len(data) < 100_000 else mutated(rng, data)


def _dialect(rng: random.Random, data: bytes) -> bytes:
    """Mutate the text of a table below its packing or encoding."""
    if data.startswith(b"\x1f\x8b"):
        try:
            text = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            return mutated(rng, data)
        return gzip.compress(_table(rng, text), 1) if len(text) < 1 << 20 else mutated(rng, data)
    if data.startswith(b"\xff\xfe"):
        changed = _table(rng, data[2:].decode("utf-16-le", "replace").encode())
        return b"\xff\xfe" + changed.decode("utf-8", "replace").encode("utf-16-le")
    return retyped([*CELLS, b"1,5", b"1.000,5", b"1D+03", b"1,5d-9999"], b";\t\n")(rng, data)


_CELLS, _TOML = retyped(CELLS, b",\n"), retyped(WORDS, b" \n=,[]")
_IDS = retyped([*CELLS[:8], b"-1", b"999999999", b"9999999999", b"[", b"{", b"answer  1,2", *WORDS[:10]], b",\n ")


def _deeper(rng: random.Random, data: bytes) -> bytes:
    """Mutate a puzzle in an archive: pieces that are archives by what mutates those."""
    kinds = {b"PK": rng.choice([_PTH, _NPZ]), b"me": _CELLS}
    return rezipped(lambda rng, part: kinds.get(part[:2], mutated)(rng, part) if len(part) < 1 << 20 else part)(
        rng, data
    )


def _header(rng: random.Random, data: bytes) -> bytes:
    """Mutate the description of a safetensors file, or what it describes."""
    size = int.from_bytes(data[:8], "little")
    try:
        told = rejsoned(rng, data[8 : 8 + size])
    except (ValueError, RecursionError):
        return mutated(rng, data)
    told = mutated(rng, told) if rng.random() < 0.2 else told
    rest = mutated(rng, data[8 + size :]) if rng.random() < 0.3 and data[8 + size :] else data[8 + size :]
    return len(told).to_bytes(8, "little") + told + rest


def _json_or_bytes(rng: random.Random, data: bytes) -> bytes:
    try:
        return rejsoned(rng, data)
    except (ValueError, RecursionError):
        return mutated(rng, data)


def _lines(rng: random.Random, data: bytes) -> bytes:
    """Mutate JSON line by line."""
    lines = data.splitlines(keepends=True) or [b""]
    for _ in range(rng.choice([1, 1, 3])):
        k = rng.randrange(len(lines))
        match rng.randrange(8):
            case 0:
                lines.insert(rng.randrange(len(lines)), lines[k] * rng.choice([1, 2, 1000]))
            case 1 if len(lines) > 1:
                del lines[k]
            case 2:
                lines[k] = mutated(rng, lines[k] or b"x")
            case _:
                lines[k] = _json_or_bytes(rng, lines[k]).replace(b"\n", b" ") + b"\n"
    return b"".join(lines)


def _read_archive(data: bytes, folder: Path, long: bool) -> None:
    (folder / "given.zip").write_bytes(data)
    read_puzzle(folder / "given.zip")
    if long:
        command("inspect", str(folder / "given.zip"))


def _read_table(data: bytes, folder: Path, long: bool) -> None:
    from jaxsolve.generation.data import read_rows

    (folder / "given.csv").write_bytes(data)
    refused = None
    try:
        read_table(data, "given.csv")
    except JaxsolveError as error:
        refused = error
    read_rows(folder / "given.csv", None, np.random.default_rng(0), None)
    if refused is not None:
        raise refused


def _read_record(data: bytes, folder: Path, long: bool, trace: bytes | None = None) -> None:
    from jaxsolve.cli import runs as cli

    runs = folder / "runs"
    for name in ("one", "two"):
        (runs / name).mkdir(parents=True, exist_ok=True)
        (runs / name / "trace.jsonl").write_bytes(corpus.traces()[0])
        (runs / name / "record.json").write_bytes(corpus.records()[0])
    (runs / "one" / "record.json").write_bytes(data)
    if trace is not None:
        (runs / "one" / "trace.jsonl").write_bytes(trace)
    one, two = str(runs / "one"), str(runs / "two")
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        cli.list_runs.__wrapped__(folder=runs)
        if trace is not None and len(trace) > 1 << 24:  # seconds of work are for one command, not for many
            cli.show.__wrapped__(one)
            return
        for as_json in (False, True):
            cli.show.__wrapped__(one, json=as_json)
            cli.diff.__wrapped__(one, two, json=as_json)
            cli.diff.__wrapped__(two, one, json=as_json)
    if long:
        command("runs", "list", "--in", str(runs))
        command("runs", "show", one)
        command("report", one, "--puzzle", str(_puzzle(folder)), "--force", "-o", str(folder / "report.html"))
        command("report", one, two, "--force", "-o", str(folder / "report.html"))


def _read_answer(data: bytes, folder: Path, long: bool) -> None:
    (folder / "answer").write_bytes(data)
    ids = read_answer(str(folder / "answer"))
    running(corpus.puzzle(), ids)
    if long:
        command("verify", str(_puzzle(folder)), str(folder / "answer"), "--activation", "relu")


def _puzzle(folder: Path) -> Path:
    """Return a folder with the puzzle, made once."""
    if not (folder / "puzzle").exists():
        write_puzzle(corpus.puzzle(), folder / "puzzle")
    return folder / "puzzle"


def _read_config(data: bytes, folder: Path, long: bool) -> None:
    from jaxsolve.experiment.plan import read_plan

    (folder / "config.toml").write_bytes(data)
    read_plan(folder / "config.toml")


def _read_outcomes(data: bytes, folder: Path, long: bool) -> None:
    from jaxsolve.cli.sweep import _named, _report, _shown
    from jaxsolve.experiment.sweep import RESULTS, consensus, read_outcomes
    from jaxsolve.records import to_json

    (folder / RESULTS).write_bytes(data)
    ranked = sorted(read_outcomes(folder, corpus.puzzle()), key=lambda outcome: outcome.mse)
    to_json(_report("puzzle", ranked, 20, consensus(ranked[:20])))
    _shown(ranked, consensus(ranked[:20]), len(ranked), 1.0, [])
    for one in ranked:
        _named(one)


SEARCHES: dict[str, dict[str, Any]] = {
    "beam": {"width": 3}, "backward_beam": {"width": 3}, "annealing": {"chains": 2, "steps": 40}, "tempering": {"chains": 2, "steps": 40},
    "grand_canonical": {"chains": 2}, "iterated": {"elites": 2, "steps": 2}, "descent": {},
}  # fmt: skip


def _checkpoints(folder: Path) -> list[bytes]:
    """Return what searches by every method keep after their first step."""
    from jaxsolve.experiment.search import JointConfig, joint_search
    from jaxsolve.run import Run, save_checkpoint
    from jaxsolve.run.checkpoint import NEWEST

    found = []
    for name, options in SEARCHES.items():
        run, kept = Run(), []
        joint_search(read_puzzle(_puzzle(folder)), JointConfig(name, options, rows=8), run, keep=kept.append, devices=1)
        for stored in (kept[0], kept[-1]):
            save_checkpoint(folder, *stored)
            found.append((folder / NEWEST).read_bytes())
    return found


def _resealed(rng: random.Random, data: bytes, folder: Path) -> bytes:
    """Mutate what a checkpoint holds, and keep it anew as a search would, with whatever seals that has."""
    from jaxsolve.run import load_checkpoint, save_checkpoint
    from jaxsolve.run.checkpoint import NEWEST

    (folder / NEWEST).write_bytes(data)
    meta, arrays = load_checkpoint(folder)
    for _ in range(rng.choice([1, 1, 2])):
        if rng.random() < 0.5:
            changed = rewritten(meta, rng)
            meta = changed if isinstance(changed, dict) else {"value": changed}
            continue
        if not arrays:  # before the first step there are none
            continue
        name = rng.choice(list(arrays))
        arrays = arrays | {name: _other(rng, arrays[name])}
        if rng.random() < 0.1:
            del arrays[name]
    try:
        save_checkpoint(folder, meta, arrays)
    except (ValueError, TypeError, RecursionError):
        return data
    return (folder / NEWEST).read_bytes()


def _other(rng: random.Random, table: np.ndarray) -> np.ndarray:
    """Return an array with other values, of another type or shape."""
    match rng.randrange(8):
        case 0 | 1 | 2 if table.size:
            changed = table.copy()
            values = [0, 1, -1, 2, 3, 100, 2**31 - 1, -(2**31), 2**62]
            with np.errstate(all="ignore"):
                changed.flat[rng.randrange(table.size)] = np.array(rng.choice(values)).astype(table.dtype)
            return changed
        case 3:
            return table.astype(rng.choice(["int8", "int64", "float32", "float64", "complex64", "U9", "bool", "V3"]))
        case 4:
            return table[..., : rng.randrange(3)] if table.ndim else np.repeat(table, 3)
        case 5:
            return np.concatenate([table] * rng.choice([2, 50])) if table.ndim else table.reshape(1, 1)
        case 6:
            return table[None] if rng.random() < 0.5 else np.zeros((0, 3), table.dtype)
        case _:
            return np.full_like(table, rng.choice([0, 1, 2, 5])) if table.dtype.kind in "iufb" else table


def _read_checkpoint(data: bytes, folder: Path, long: bool) -> None:
    from jaxsolve.cli.search import _config, _report
    from jaxsolve.experiment.search import joint_search
    from jaxsolve.run import Run
    from jaxsolve.run.checkpoint import NEWEST

    resumed = folder / "resumed"
    shutil.rmtree(resumed, ignore_errors=True)
    resumed.mkdir()
    (resumed / NEWEST).write_bytes(data)
    if long:
        where, own = str(_puzzle(folder)), ("--activation", "relu", "--budget", "0.5", "--devices", "1")
        command("search", where, "--resume", str(resumed), *own)
        return
    stored, config = _config({}, {}, resumed)
    steps: list[object] = []

    def keep(stored: object) -> None:
        steps.append(stored)
        if len(steps) == 2:
            raise KeyboardInterrupt

    run = Run()
    _report(corpus.puzzle(), joint_search(corpus.puzzle(), config, run, resume=stored, keep=keep, devices=1), ["cpu"])


def _piece(name: str) -> Callable[[bytes, Path, bool], object]:
    return lambda data, folder, long: read_pieces(Held(name, data))


FORMATS = {
    "pth": Format(lambda folder: corpus.pths(), plainly(_PTH), lambda data, folder, long: read_pth(data, "given.pth")),
    "zip": Format(corpus.archives, plainly(_deeper), _read_archive, 0.25),
    "npz": Format(lambda folder: corpus.npzs(), plainly(_NPZ), _piece("pieces/piece_0.npz")),
    "safetensors": Format(lambda folder: corpus.safetensors(), plainly(_header), _piece("all.safetensors")),
    "checkpoints": Format(lambda folder: corpus.checkpoints(), plainly(_PTH), _piece("model.ckpt")),
    "npy": Format(lambda folder: corpus.npys(), plainly(mutated), _piece("pieces/layer_3_weight.npy")),
    "names": Format(lambda folder: corpus.piles(), plainly(_header), _piece("model.safetensors")),
    "csv": Format(corpus.tables, plainly(_table), _read_table),
    "dialects": Format(corpus.dialects, plainly(_dialect), _read_table),
    "parquet": Format(corpus.parquets, plainly(mutated), lambda data, folder, long: read_table(data, "given.parquet")),
    "record": Format(lambda folder: corpus.records(), plainly(_json_or_bytes), _read_record, 0.25),
    "trace": Format(
        lambda folder: corpus.traces(),
        plainly(_lines),
        lambda data, folder, long: _read_record(corpus.records()[0], folder, long, data),
        0.25,
    ),
    "answer": Format(lambda folder: corpus.answers(), plainly(_IDS), _read_answer),
    "sweep config": Format(lambda folder: corpus.configs(), plainly(_TOML), _read_config),
    "sweep results": Format(lambda folder: corpus.outcomes(), plainly(_lines), _read_outcomes, 0.25),
    "checkpoint": Format(_checkpoints, _resealed, _read_checkpoint, 0.25),
}
