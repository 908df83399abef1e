"""What is read of .pth files is what PyTorch reads of them: of its own files all, of mutated ones nothing else.

The tests are skipped where PyTorch is not installed ('jaxsolve[torch]').
"""

import io
import random
import warnings

import numpy as np
import pytest

from jaxsolve.errors import PuzzleError
from jaxsolve.formats.pth import read_pth
from jaxsolve.puzzle.pieces import piece_of
from jaxsolve.puzzle.write import pth_bytes
from tests.fuzzing import corpus
from tests.fuzzing.formats import FORMATS

torch = pytest.importorskip("torch", reason="PyTorch is not installed ('jaxsolve[torch]')")

TYPES = ["float16", "bfloat16", "float32", "float64"]
BASE = np.arange(1.0, 25.0).reshape(4, 6)
VIEWS = {
    "whole": lambda t: t,
    "transposed": lambda t: t.T,
    "rows": lambda t: t[1:3],
    "columns": lambda t: t[:, 2:5],
    "steps": lambda t: t[::2, ::3],
    "row": lambda t: t[2],
    "number": lambda t: t[2, 3],
    "cube": lambda t: t.reshape(2, 2, 6).permute(2, 0, 1),
    "parameter": lambda t: torch.nn.Parameter(t),
}


def saved(value, **options) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def as_torch_reads(data: bytes) -> dict[str, np.ndarray]:
    found = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    return {name: tensor.detach().double().numpy() for name, tensor in found.items()}


def assert_same(data: bytes) -> None:
    ours, theirs = read_pth(data, "x"), as_torch_reads(data)
    assert list(ours) == list(theirs)
    for name, tensor in theirs.items():
        np.testing.assert_array_equal(ours[name].astype(np.float64), tensor)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("view", VIEWS)
def test_tensors_of_every_kind_however_they_lie_in_their_storage(kind, view):
    tensor = torch.tensor(BASE).to(getattr(torch, kind))
    assert_same(saved({"weight": VIEWS[view](tensor)}))
    assert_same(saved({"weight": VIEWS[view](tensor), "bias": tensor[0], "more": tensor}))


@pytest.mark.parametrize("kind", TYPES)
def test_layers(kind):
    layer = torch.nn.Linear(3, 5).to(getattr(torch, kind))
    assert_same(saved(layer.state_dict()))
    assert_same(saved(torch.nn.Sequential(layer).state_dict()))
    assert_same(saved({"weight": layer.weight, "bias": layer.bias}))


@pytest.mark.parametrize("kind", TYPES)
def test_what_we_write_is_what_torch_reads(kind):
    assert_same(pth_bytes({"weight": BASE, "bias": BASE[0]}, dtype=kind))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (lambda: 3, "expected a state dict"),
        (lambda: {"weight": torch.ones(3, dtype=torch.complex64)}, "torch.ComplexFloatStorage"),
        (lambda: {"weight": torch.ones(3).to_sparse()}, "_rebuild_sparse_tensor"),
        (lambda: {"weight": torch.ones(3).expand(1000, 3)}, "does not hold"),
        (lambda: {"weight": torch._neg_view(torch.ones(3))}, "a tensor with metadata"),
    ],
)  # fmt: skip
def test_what_is_no_state_dict_of_a_layer_is_refused(value, why):
    with pytest.raises(PuzzleError, match=why):
        read_pth(saved(value()), "x")


def test_files_of_old_versions_are_refused_with_advice():
    with pytest.raises(PuzzleError, match=r"before 1\.6"):
        read_pth(saved({"weight": torch.ones(3)}, _use_new_zipfile_serialization=False), "x")


def test_of_mutated_files_nothing_is_read_that_torch_reads_otherwise(tmp_path):
    seeds, accepted = [saved(torch.nn.Linear(2, 3).state_dict()), *corpus.pths()[:5]], 0
    for k in range(1500):
        data = FORMATS["pth"].mutate(random.Random(k), seeds, tmp_path)
        try:
            read_pth(data, "x")
        except PuzzleError:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                as_torch_reads(data)
            except Exception:  # it has checks of its own, as of the version
                continue
            accepted += 1
            assert_same(data)
    assert accepted > 20


def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.BatchNorm1d(6), torch.nn.Linear(6, 4))


def checkpoint():
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(3, 4)).sum().backward()
    optimizer.step()
    state = {"epoch": 3, "loss": 0.25, "state_dict": model.state_dict(), "optimizer_states": [optimizer.state_dict()]}
    return state | {"hyper_parameters": {"width": 6, "rate": 1e-3}, "lr_schedulers": []}


@pytest.mark.parametrize(
    ("value", "front"),
    [
        (lambda: net(), ""),
        (lambda: net().state_dict(), ""),
        (lambda: {"model": net()}, ""),
        (lambda: {"epoch": 3, "best": 0.5, "model_state_dict": net().state_dict(), "optimizer": {0: {"step": 1}}}, ""),
        (checkpoint, ""),
        (lambda: list(net()), ""),
    ],
    ids=["module", "state dict", "module in a checkpoint", "checkpoint", "Lightning", "list of modules"],
)
def test_networks_however_they_are_saved(value, front):
    found = read_pth(saved(value()), "x")
    expected = net().state_dict()
    own = {name.split("dict.")[-1].removeprefix("model."): tensor for name, tensor in found.items()}
    assert {*own} == {*expected}
    if value is not checkpoint:
        for name, tensor in expected.items():
            np.testing.assert_array_equal(own[name], tensor.numpy(), err_msg=name)


def test_a_tensor_alone_and_pairs():
    assert [*read_pth(saved(torch.ones(3)), "x")] == [""]
    assert [*read_pth(saved((torch.ones(3, 2), torch.ones(3))), "x")] == ["0", "1"]


@pytest.mark.parametrize("norm", ["old", "new"])
def test_layers_under_weight_norm(norm):
    layer = torch.nn.Linear(4, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make = torch.nn.utils.weight_norm if norm == "old" else torch.nn.utils.parametrizations.weight_norm
        layer = make(layer)
    with torch.no_grad():
        next(iter(layer.parameters())).mul_(2)
    layer(torch.ones(4))  # the old one makes its weight anew
    found = piece_of(0, "x", read_pth(saved(layer.state_dict()), "x"))
    np.testing.assert_allclose(found.weight, layer.weight.detach().numpy(), rtol=1e-6)


def test_a_pruned_layer():
    from torch.nn.utils import prune

    layer = prune.random_unstructured(torch.nn.Linear(4, 6), "weight", amount=0.5)
    found = piece_of(0, "x", read_pth(saved(layer.state_dict()), "x"))
    np.testing.assert_array_equal(found.weight, layer.weight.detach().numpy())
    assert (found.weight == 0).sum() == 12


class Own(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 6)


def test_modules_of_ones_own_are_refused_with_the_way_out():
    with pytest.raises(PuzzleError, match=r"x: refers to .*test_torch\.Own, .*; save layer\.state_dict\(\)"):
        read_pth(saved(Own()), "x")


def test_a_torchscript_program_is_named():
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Linear(4, 6)), buffer)
    with pytest.raises(PuzzleError, match=r"x: a TorchScript program; load it with torch\.jit\.load"):
        read_pth(buffer.getvalue(), "x")
