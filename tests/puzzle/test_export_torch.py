"""Exported networks load into the plain PyTorch modules that they came from, and predict the same there.

The tests are skipped where PyTorch is not installed ('jaxsolve[torch]').
"""

import numpy as np
import pytest
from safetensors.numpy import load_file

from jaxsolve.generation import Recipe, generate
from jaxsolve.puzzle import read_puzzle, write_network
from tests.ordering.test_norm_walk import dropped, normed_net
from tests.puzzle.test_architectures import KINDS, SMALL

torch = pytest.importorskip("torch", reason="PyTorch is not installed ('jaxsolve[torch]')")
nn = torch.nn

SEEN = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "none": nn.Identity,
    "layer_norm": lambda d: nn.LayerNorm(d, elementwise_affine=False),
    "sigmoid": nn.Sigmoid,
    "rms_norm": lambda d: nn.RMSNorm(d, elementwise_affine=False),
}


def seen(name, d):
    return SEEN[name](d) if name.endswith("_norm") else SEEN[name]()


class Block(nn.Module):
    def __init__(self, d, width, biased, before, act, scale, gates):
        super().__init__()
        self.inp = nn.Linear(d, width * (2 if gates == "packed" else 1), bias=biased)
        self.out = nn.Linear(width, d, bias=biased)
        if gates == "pieces":
            self.gate = nn.Linear(d, width, bias=biased)
        self.before, self.act, self.scale, self.gates = before, act, scale, gates

    def forward(self, h):
        h_in = self.before(h)
        hidden = self.inp(h_in)
        if self.gates == "none":
            return h + self.scale * self.out(self.act(hidden))
        gate, own = (self.gate(h_in), hidden) if self.gates == "pieces" else hidden.chunk(2, dim=-1)
        if self.gates == "packed" and isinstance(self.act, nn.Sigmoid):  # as nn.GLU has it
            gate, own = own, gate
        return h + self.scale * self.out(self.act(gate) * own)


class Stack(nn.Module):
    """What `jaxsolve generate` trains, as one would write it in PyTorch."""

    def __init__(self, recipe):
        super().__init__()
        number, _, form = recipe.activation.rpartition("*")
        first, _, form = form.rpartition("/")
        parts = form.split("+")
        before, act, last = (["none"] if len(parts) == 1 else []) + parts + ["none"] * (len(parts) < 3)
        d, outer = recipe.features, recipe.biases != "none"
        if recipe.inputs is not None:
            self.first = nn.Linear(recipe.inputs, d, bias=outer)
        self.first_act = seen(first or "none", d)
        made = lambda width: Block(
            d, width, recipe.biases == "all", seen(before, d), seen(act, d), float(number or 1.0), recipe.gates
        )
        self.blocks = nn.Sequential(*map(made, recipe.widths_of_blocks))
        self.seen = seen(last, d)
        if recipe.head is not None:
            self.head = nn.Linear(d, recipe.head, bias=outer)
            self.act = seen(act, d)
        self.last = nn.Linear(recipe.head or d, recipe.outputs, bias=outer)

    def forward(self, x):
        h = self.first_act(self.first(x)) if hasattr(self, "first") else x
        h = self.seen(self.blocks(h))
        return self.last(self.act(self.head(h)) if hasattr(self, "head") else h)


def predicted(net, path, x):
    net.load_state_dict({name: torch.tensor(tensor) for name, tensor in load_file(path).items()})
    with torch.no_grad():
        return net.eval()(torch.tensor(x, dtype=torch.float32)).numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_networks_predict_the_same_in_pytorch(tmp_path, kind):
    (one,) = generate(Recipe(**(SMALL | KINDS[kind])))
    puzzle = one.dropped.puzzle
    write_network(puzzle, one.dropped.permutation, tmp_path / "net.safetensors")
    y = predicted(Stack(one.recipe), tmp_path / "net.safetensors", puzzle.x)
    np.testing.assert_allclose(y, puzzle.y.reshape(puzzle.rows, -1), rtol=1e-4, atol=1e-5)


class TabularBlock(nn.Module):
    def __init__(self, d, width):
        super().__init__()
        self.norm, self.inp, self.out = nn.BatchNorm1d(d), nn.Linear(d, width), nn.Linear(width, d)

    def forward(self, h):
        return h + self.out(torch.relu(self.inp(self.norm(h))))


class TabularResNet(nn.Module):
    def __init__(self, d, width, blocks):
        super().__init__()
        self.blocks = nn.Sequential(*(TabularBlock(d, width) for _ in range(blocks)))
        self.norm, self.last = nn.BatchNorm1d(d), nn.Linear(d, 1)

    def forward(self, x):
        return self.last(torch.relu(self.norm(self.blocks(x))))


def test_a_tabular_resnet_predicts_the_same_in_pytorch(tmp_path):
    pieces, x, y, order = normed_net(7)
    for tensors in pieces.values():
        if "running_mean" in tensors:
            tensors["num_batches_tracked"] = np.int64(5)
    dropped(tmp_path / "p", pieces, x, y)
    for piece, tensors in pieces.items():  # PyTorch reads what we write
        own = torch.load(tmp_path / "p" / "pieces" / f"piece_{piece}.pth", weights_only=True)
        assert {name: tuple(t.shape) for name, t in own.items()} == {n: np.shape(t) for n, t in tensors.items()}
    write_network(read_puzzle(tmp_path / "p"), order, tmp_path / "net.safetensors")
    width = pieces[order[1]]["weight"].shape[0]
    found = predicted(TabularResNet(x.shape[1], width, (len(order) - 2) // 3), tmp_path / "net.safetensors", x)
    np.testing.assert_allclose(found, y, rtol=1e-4, atol=1e-4)
