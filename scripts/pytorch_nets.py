"""Train nets of other kinds in PyTorch and drop them as puzzles: what people have, made by what they have it from.

    python scripts/pytorch_nets.py NAME OUT

NAME is one of `NETS`. OUT/puzzle holds the pieces, each a state dict of `torch.save`, and the table; OUT/answer.json
the order, and the form that the net has. PyTorch and scikit-learn are needed, jaxsolve is not.
"""

# pyright: reportMissingImports=false

import argparse
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from torch import nn


class Block(nn.Module):
    """x + W_out·relu(W_in·norm(x)), the norm a LayerNorm without parameters, or none."""

    def __init__(self, features: int, hidden: int, norm: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features, elementwise_affine=False) if norm else nn.Identity()
        self.inp, self.out = nn.Linear(features, hidden), nn.Linear(hidden, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the states after the block."""
        return x + self.out(torch.relu(self.inp(self.norm(x))))


class Stack(nn.Module):
    """A residual classifier, perhaps with a layer before its blocks."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        blocks: int,
        features: int | None = None,
        hidden: int = 64,
        norm: bool = False,
    ) -> None:
        super().__init__()
        width = features or inputs
        self.first = nn.Linear(inputs, width) if features else nn.Identity()
        self.blocks = nn.ModuleList(Block(width, hidden, norm) for _ in range(blocks))
        self.last = nn.Linear(width, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.last(x)

    def layers(self) -> list[nn.Module]:
        """Return the pieces in the order they run."""
        first = [self.first] if isinstance(self.first, nn.Linear) else []
        return [*first, *(layer for block in self.blocks for layer in (block.inp, block.out)), self.last]


class TabularBlock(nn.Module):
    """x + dropout(W_out·dropout(relu(W_in·batchnorm(x))))."""

    def __init__(self, features: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.dropout = nn.BatchNorm1d(features), nn.Dropout(dropout)
        self.inp, self.out = nn.Linear(features, hidden), nn.Linear(hidden, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the states after the block."""
        return x + self.dropout(self.out(self.dropout(torch.relu(self.inp(self.norm(x))))))


class TabularResNet(nn.Module):
    """The ResNet for tables of Gorishniy et al. (2021), https://arxiv.org/abs/2106.11959."""

    def __init__(self, inputs: int, outputs: int, *, blocks: int, features: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, features)
        self.blocks = nn.ModuleList(TabularBlock(features, hidden, 0.1) for _ in range(blocks))
        self.norm, self.last = nn.BatchNorm1d(features), nn.Linear(features, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return predictions."""
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.last(torch.relu(self.norm(x)))

    def layers(self) -> list[nn.Module]:
        """Return the pieces in the order they run."""
        blocks = [layer for block in self.blocks for layer in (block.norm, block.inp, block.out)]
        return [self.first, *blocks, self.norm, self.last]


class PreNorm(TabularResNet):
    """The same with LayerNorms in place of BatchNorms, no first layer, and a readout right behind the last norm."""

    def __init__(self, inputs: int, outputs: int, *, blocks: int, hidden: int) -> None:
        super().__init__(inputs, outputs, blocks=blocks, features=inputs, hidden=hidden)
        self.first, self.norm = nn.Identity(), nn.LayerNorm(inputs)
        for block in self.blocks:
            block.norm, block.dropout = nn.LayerNorm(inputs), nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return predictions."""
        for block in self.blocks:
            x = block(x)
        return self.last(self.norm(x))

    def layers(self) -> list[nn.Module]:
        """Return the pieces in the order they run."""
        return super().layers()[1:]


def standardised(x: Any) -> torch.Tensor:
    """Return columns of mean 0 and standard deviation 1; constant ones become 0."""
    spread = x.std(axis=0)
    return torch.tensor((x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0), dtype=torch.float32)


def trained(
    net: nn.Module, x: torch.Tensor, label: torch.Tensor, *, epochs: int, rate: float = 1e-3, batch: int = 64
) -> nn.Module:
    """Train with Adam: on classes, or on numbers."""
    loss = nn.functional.mse_loss if label.is_floating_point() else nn.functional.cross_entropy
    optimiser = torch.optim.Adam(net.parameters(), rate)
    net.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(batch):
            optimiser.zero_grad()
            loss(net(x[rows]), label[rows]).backward()
            optimiser.step()
    return net.eval()


def digits() -> tuple[nn.Module, torch.Tensor, str]:
    """Return a net of the handwritten digits of scikit-learn: 64 pixels, which are the features, and ten logits."""
    data = load_digits()
    x, label = standardised(data.data), torch.tensor(data.target)
    return trained(Stack(64, 10, blocks=12, hidden=96), x, label, epochs=15), x, "relu"


def breast_cancer() -> tuple[nn.Module, torch.Tensor, str]:
    """Return a net of breast cancer, Wisconsin: 30 measurements, a first layer, norms, two logits."""
    data = load_breast_cancer()
    x, label = standardised(data.data), torch.tensor(data.target)
    net = Stack(30, 2, blocks=12, features=24, hidden=48, norm=True)
    return trained(net, x, label, epochs=30), x, "layer_norm+relu"


def taught() -> tuple[torch.Tensor, torch.Tensor]:
    """Return 24 normal inputs, and what a random network of one tanh layer answers."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6000, 24))
    label = np.tanh(x @ rng.normal(scale=0.4, size=(24, 32)) + rng.normal(size=32)) @ rng.normal(size=32) / 32**0.5
    return standardised(x), standardised(label[:, None] + rng.normal(scale=0.1, size=(6000, 1)))


def tabular_resnet() -> tuple[nn.Module, torch.Tensor, str]:
    """Return a tabular ResNet of 16 blocks with BatchNorms."""
    x, label = taught()
    net = TabularResNet(24, 1, blocks=16, features=48, hidden=96)
    return trained(net, x, label, epochs=20, batch=128), x, "relu"


def pre_norm() -> tuple[nn.Module, torch.Tensor, str]:
    """Return a stack of 16 blocks behind LayerNorms with parameters."""
    x, label = taught()
    net = PreNorm(24, 1, blocks=16, hidden=48)
    return trained(net, x, label, epochs=20, batch=100), x, "layer_norm+relu+layer_norm"


NETS: dict[str, Callable[[], tuple[nn.Module, torch.Tensor, str]]] = {
    "digits": digits,
    "breast_cancer": breast_cancer,
    "tabular_resnet": tabular_resnet,
    "pre_norm": pre_norm,
}


def drop(net: Any, x: torch.Tensor, form: str, out: Path, seed: int) -> None:
    """Write the pieces in a random order, the table, and the answer."""
    layers = net.layers()
    ids = np.random.default_rng(seed).permutation(len(layers)).tolist()
    (out / "puzzle" / "pieces").mkdir(parents=True)
    for piece, layer in zip(ids, layers, strict=True):
        torch.save(layer.state_dict(), out / "puzzle" / "pieces" / f"piece_{piece}.pth")
    with torch.no_grad():
        y = net(x)
    with (out / "puzzle" / "historical_data.csv").open("w", newline="") as file:
        table = csv.writer(file)
        targets = ["pred"] if y.shape[1] == 1 else [f"pred_{k}" for k in range(y.shape[1])]
        table.writerow([f"measurement_{k}" for k in range(x.shape[1])] + targets)
        table.writerows([*map(repr, a), *map(repr, b)] for a, b in zip(x.tolist(), y.tolist(), strict=True))
    (out / "answer.json").write_text(json.dumps({"permutation": ids, "activation": form}) + "\n")


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=NETS)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    net, x, form = NETS[given.name]()
    drop(net, x, form, given.out, given.seed)


if __name__ == "__main__":
    main()
