"""Host: from a recipe to puzzles: rows are drawn, a network is trained, and every snapshot of it is dropped."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxsolve import backend, engine
from jaxsolve.errors import OutputError, UsageError
from jaxsolve.files import write_new
from jaxsolve.generation.data import Rows, draw_rows, read_rows
from jaxsolve.generation.drop import Dropped, drop
from jaxsolve.generation.initial import INITIAL, Weights, shaped
from jaxsolve.generation.recipe import Recipe
from jaxsolve.puzzle import sha256_of, write_puzzle

PUZZLE, ANSWER = "puzzle", "answer.json"
DATA_STREAM, NET_STREAM, DECOY_STREAM, DROP_STREAM = range(4)
"""What draws from random numbers of its own, so that a change of one leaves the others as they were."""


class Growing(NamedTuple):
    """What a watcher is told between device calls."""

    epochs: float
    """Epochs done, of the network or of the one that decoys are taken from."""
    loss: float
    """Mean squared error over the batches of the last call."""
    decoys: bool
    seconds: float
    """Of training so far, compilation aside."""


Watch = Callable[[Growing], None]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A puzzle and its answer."""

    epoch: int
    loss: float
    """Mean squared error of the network over all rows it is trained on."""
    dropped: Dropped
    recipe: Recipe
    flops: float
    """Operations a second of the matrix products of training so far; 0 before any."""
    devices: int

    def answer(self) -> dict[str, Any]:
        """Return what is written beside the puzzle."""
        ids = self.dropped.permutation
        return {
            "permutation": ids,
            "sha256": sha256_of(ids),
            "missing": self.dropped.missing,
            "decoys": self.dropped.decoys,
            "epoch": self.epoch,
            "loss": self.loss,
            "devices": self.devices,
            "recipe": self.recipe.as_json(),
        }


def folders(recipe: Recipe, out: Path) -> dict[int, Path]:
    """Return the folder of each snapshot: `out` itself if there is one, else one for each epoch inside."""
    if len(recipe.epochs) == 1:
        return {recipe.epochs[0]: out}
    return {epoch: out / f"epoch-{epoch:04d}" for epoch in recipe.epochs}


def check_free(recipe: Recipe, out: Path) -> None:
    """Refuse, before any work is done, to write where something is; `OutputError`."""
    for folder in folders(recipe, out).values():
        for path in (folder / PUZZLE, folder / ANSWER):
            if path.exists() or path.is_symlink():
                raise OutputError(f"{path}: exists already and is not overwritten; choose another folder")


def write_snapshot(snapshot: Snapshot, folder: Path) -> None:
    """Write ``puzzle/`` and ``answer.json`` into a folder; `OutputError` if they exist or cannot be written."""
    write_puzzle(snapshot.dropped.puzzle, folder / PUZZLE)
    write_new(folder / ANSWER, f"{json.dumps(snapshot.answer())}\n".encode())


def generate(
    recipe: Recipe,
    *,
    devices: int | None = None,
    watch: Watch = lambda growing: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Snapshot]:
    """Train, and yield a puzzle at each epoch of the recipe, until `stopped()`.

    Pieces keep their numbers from one snapshot to the next, so that the network is all that changes. Decoys are
    halves of a second network, which begins and is trained with other random numbers on the same rows; it costs as
    much again. The same recipe gives the same puzzles on as many devices of a kind; another number of them rounds
    the gradients in another way.

    Raises
    ------
    UsageError
        The training diverged, or a CSV file does not have what the recipe asks of it.
    PuzzleError
        A CSV file cannot be read.
    """
    recipe, rows = prepared(recipe)
    streams = [NET_STREAM] + [DECOY_STREAM] * bool(recipe.decoy_ins or recipe.decoy_outs)
    courses = [_Course(recipe, rows, stream, devices, watch, stopped) for stream in streams]
    for epoch in recipe.epochs:
        if not all(course.advance(epoch) for course in courses):
            return
        nets = [course.weights() for course in courses]
        dropped = drop(nets[0], nets[-1], rows, recipe, _random(recipe, DROP_STREAM))
        loss = courses[0].loss()
        if not (np.isfinite(loss) and np.isfinite(dropped.puzzle.y).all()):
            raise UsageError(f"the network of epoch {epoch} overflows; try --initial small or a lower --learning-rate")
        seconds = sum(course.seconds for course in courses)
        flops = sum(course.flops for course in courses) / seconds if seconds else 0.0
        yield Snapshot(epoch, loss, dropped, recipe, flops, courses[0].devices)


def prepared(recipe: Recipe) -> tuple[Recipe, Rows]:
    """Return the rows of a recipe, and the recipe with all sizes filled in."""
    rng = _random(recipe, DATA_STREAM)
    if recipe.is_csv:
        rows = read_rows(Path(recipe.data), recipe.target, rng, recipe.train_rows)
    else:
        wide = recipe.inputs or recipe.features or recipe.drawn_features
        rows = draw_rows(recipe.data, rng, recipe.train_rows or recipe.drawn_rows, wide, outputs=recipe.outputs)
    count, inputs = rows.x.shape
    option, said = ("--features", recipe.features) if recipe.inputs is None else ("--inputs", recipe.inputs)
    if said not in (None, inputs):
        raise UsageError(f"{option} is {said}; {recipe.data} has {inputs} inputs: leave it out")
    features = inputs if recipe.inputs is None else recipe.features or recipe.drawn_features
    sizes: dict[str, Any] = {
        "features": features,
        "hidden": max(recipe.widths, default=0) or recipe.hidden or max(2, recipe.hidden_share * features),
        "train_rows": count,
        "table_rows": recipe.table_rows or min(count, recipe.shown_rows),
    }
    return replace(recipe, **sizes), rows


def _random(recipe: Recipe, stream: int) -> np.random.Generator:
    return np.random.default_rng([recipe.seed, stream])


class _Course:
    """The training of one network, from epoch to epoch."""

    def __init__(
        self, recipe: Recipe, rows: Rows, stream: int, devices: int | None, watch: Watch, stopped: Callable[[], bool]
    ) -> None:
        self._recipe, self._watch, self._stopped = recipe, watch, stopped
        self._decoys = stream == DECOY_STREAM
        self._rng = _random(recipe, stream)
        assert recipe.features is not None
        assert recipe.hidden is not None
        plain = INITIAL[recipe.initial](self._rng, recipe.blocks, recipe.features, recipe.hidden)
        first, trained = shaped(plain, recipe, self._rng)
        self._given = engine.training_placed(
            rows.x,
            rows.label,
            activation=recipe.activation,
            optimiser=recipe.optimiser,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            trained=trained,
            devices=devices,
        )
        self._state = engine.learner(first, self._given)
        self._epoch = 0
        self.devices = self._given.over.size
        self.flops, self.seconds = 0.0, 0.0
        each = engine.training_flops(self._state.net, min(recipe.batch, len(rows.label)))
        self._steps = max(1, int(2e10 // each))  # an interrupt waits for no more operations than that

    def advance(self, epoch: int) -> bool:
        """Train up to the end of an epoch; return whether it was reached."""
        while self._epoch < epoch:
            order = self._rng.permutation(self._given.rows)
            batches = engine.dealt(order, min(self._recipe.batch, len(order)), self._given.over)
            steps = min(self._steps, len(batches))
            for start in range(0, len(batches), steps):
                if self._stopped():
                    return False
                self._call(batches[start : start + steps], steps, min(1.0, (start + steps) / len(batches)))
            self._epoch += 1
        return not self._stopped()

    def _call(self, batches: np.ndarray, room: int, share: float) -> None:
        """Take a step for each batch, in a program that has room for more; `share` of the epoch is done then."""
        count = len(batches)
        padded = np.concatenate([batches, np.zeros((room - count, *batches.shape[1:]), np.int32)])
        began, compiling = time.perf_counter(), backend.compile_seconds()
        self._state, mean = engine.trained(self._state, self._given, padded, np.int32(count))
        loss = float(mean)
        self.seconds += time.perf_counter() - began - (backend.compile_seconds() - compiling)
        self.flops += engine.training_flops(self._state.net, int((batches >= 0).sum()))
        if not np.isfinite(loss):
            rate = self._recipe.learning_rate
            raise UsageError(f"training diverged in epoch {self._epoch + 1}; try a --learning-rate below {rate:g}")
        self._watch(Growing(self._epoch + share, loss, self._decoys, self.seconds))

    def loss(self) -> float:
        """Return the mean squared error over all rows."""
        rows = np.arange(self._given.rows)
        return float(
            engine.training_loss(self._state.net, self._given, engine.dealt(rows, len(rows), self._given.over))
        )

    def weights(self) -> Weights:
        """Return a copy of the weights."""
        net = self._state.net
        more = (None if layer is None else tuple(map(np.array, layer)) for layer in net[6:])
        return Weights(*map(np.array, net[:6]), *more)  # pyright: ignore[reportArgumentType]
