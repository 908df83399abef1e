"""BatchNorms find their blocks by the statistics that they remember; moments are those of plain states."""

import numpy as np
import pytest

from jaxsolve.architecture import Network
from jaxsolve.errors import PuzzleError
from jaxsolve.ordering.norm_walk import _moments, walked
from jaxsolve.puzzle import mean_squared_error, read_puzzle, running, sha256_of, write_network, write_puzzle
from jaxsolve.puzzle.write import pth_bytes
from jaxsolve.solver import Config, solve
from tests import reference

N, D, H, ROWS = 6, 5, 9, 400
ACT = reference.ACTIVATIONS["relu"]


def normed_net(seed, last="active", outputs=1):
    """Pieces of a tabular ResNet with random weights, its table, and the ids of its pieces in the order they run."""
    rng = np.random.default_rng(seed)
    draw = lambda *shape, size: reference.single(size * rng.normal(size=shape))
    count = 3 * N + 1 + (last != "none")
    ids = rng.permutation(count).tolist()
    x = draw(ROWS, D, size=1.0)
    h, pieces, order = x, {}, []

    def norm(h):
        own = {"weight": 1 + draw(D, size=0.2), "bias": draw(D, size=0.2)}
        noise = lambda: 1 + 0.01 * rng.normal(size=D)  # running statistics are those of some batches
        own |= {"running_mean": reference.single(h.mean(axis=0) + 0.01 * h.std(axis=0) * rng.normal(size=D))}
        own |= {"running_var": reference.single(h.var(axis=0) * noise())}
        piece = ids[len(order)]
        pieces[piece] = own
        order.append(piece)
        return (h - own["running_mean"]) / np.sqrt(own["running_var"] + 1e-5) * own["weight"] + own["bias"]

    def layer(o, i, size=1.0):
        own = {"weight": draw(o, i, size=size / np.sqrt(i)), "bias": draw(o, size=0.3)}
        piece = ids[len(order)]
        pieces[piece] = own
        order.append(piece)
        return own

    for _ in range(N):
        seen = norm(h)
        first, second = layer(H, D), layer(D, H, 0.7)
        h = h + ACT(seen @ first["weight"].T + first["bias"]) @ second["weight"].T + second["bias"]
    if last != "none":
        h = norm(h)
    h = ACT(h) if last == "active" else h
    readout = layer(outputs, D)
    y = h @ readout["weight"].T + readout["bias"]
    return pieces, x, reference.single(y), order


def dropped(folder, pieces, x, y):
    (folder / "pieces").mkdir(parents=True)
    for piece, tensors in pieces.items():
        (folder / "pieces" / f"piece_{piece}.pth").write_bytes(pth_bytes(tensors))
    names = [f"measurement_{k}" for k in range(D)] + (
        ["pred"] if y.shape[1] == 1 else [f"pred_{k}" for k in range(y.shape[1])]
    )
    rows = np.concatenate([x, y], axis=1).astype(np.float32)
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows)]
    (folder / "historical_data.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("last", ["active", "plain", "none"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_a_tabular_resnet_is_put_back_with_its_norms(tmp_path, last, outputs):
    pieces, x, y, order = normed_net(7, last, outputs)
    dropped(tmp_path / "p", pieces, x, y)
    puzzle = read_puzzle(tmp_path / "p", activation="auto")
    solution = solve(puzzle, Config(budget=120))
    assert solution.status == "solved"
    assert solution.certificate.permutation == order
    assert solution.certificate.sha256 == sha256_of(order)
    write_puzzle(solution.puzzle, tmp_path / "again")
    for piece, tensors in pieces.items():
        assert (tmp_path / "again" / "pieces" / f"piece_{piece}.pth").read_bytes() == pth_bytes(tensors)
    from safetensors.numpy import load_file

    write_network(solution.puzzle, order, tmp_path / "net.safetensors")
    found = load_file(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(found["blocks.0.norm.running_mean"], pieces[order[0]]["running_mean"].astype("f4"))
    np.testing.assert_array_equal(found["blocks.0.inp.weight"], pieces[order[1]]["weight"].astype("f4"))
    np.testing.assert_array_equal(found["last.weight"], pieces[order[-1]]["weight"].astype("f4"))
    assert ("norm.weight" in found) == (last != "none")


@pytest.mark.parametrize("last", ["active", "plain", "none"])
def test_an_answer_says_where_norms_stand(tmp_path, last):
    pieces, x, y, order = normed_net(8, last)
    dropped(tmp_path / "p", pieces, x, y)
    alone, assembly = running(read_puzzle(tmp_path / "p"), order)
    assert alone.permutation(assembly) == order
    assert mean_squared_error(alone, assembly) < 1e-11
    wrong = order.copy()
    wrong[0], wrong[3] = order[3], order[0]
    other, assembly = running(read_puzzle(tmp_path / "p"), wrong)
    assert other.permutation(assembly) == wrong


def test_moments_behind_a_block_are_those_of_its_states():
    puzzle, _ = reference.random_puzzle(3, n=4, rows=200)
    network = Network(puzzle, puzzle.activation)
    units = network.hidden(puzzle.x, 1)
    means, variances = _moments(network, puzzle.x, units, [3, 0])
    for k, j in enumerate((3, 0)):
        after = puzzle.x + network.second(units, j)
        np.testing.assert_allclose(means[k], after.mean(axis=0))
        np.testing.assert_allclose(variances[k], after.var(axis=0))


def test_what_has_no_norms_stays_as_it_is():
    puzzle, _ = reference.random_puzzle(3)
    assert walked(puzzle) is puzzle


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda p, order: p.pop(order[3]), "6 norms for 6 first|5 norms for 6"),
        (lambda p, order: p.update({order[0]: {**p[order[0]], "running_var": -np.ones(D)}}), "negative"),
        (lambda p, order: p.update({order[0]: {"running_mean": np.ones(D)}}), "expected a norm's weight, bias"),
        (
            lambda p, order: p.update({order[0]: dict.fromkeys(p[order[0]], np.ones(D + 1))}),
            "a norm of 6 features; expected 5",
        ),
    ],
)
def test_norms_that_do_not_fit_are_named(tmp_path, spoil, why):
    pieces, x, y, order = normed_net(9, "none")
    spoil(pieces, order)
    dropped(tmp_path / "p", pieces, x, y)
    with pytest.raises(PuzzleError, match=why):
        read_puzzle(tmp_path / "p")
