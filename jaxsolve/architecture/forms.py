"""Host: the form of a block: what it sees of the states, its activation, and what the readout sees of the last ones.

Forms are spelled in the order in which things run, joined by plus signs: ``gelu``, ``layer_norm+gelu`` for norms before
blocks, ``layer_norm+gelu+layer_norm`` for one before the readout as well; ``relu+relu`` for blocks that begin with an
activation. Where nothing happens in front of an activation, ``none`` may be said: ``none+relu+rms_norm``. What follows
a layer in front of all blocks is said first, before a slash: ``relu/relu``; without, nothing follows it. Blocks that
are x + 0.5·f(x) are ``0.5*gelu``.
"""

import functools
import math
import re
from collections.abc import Callable
from typing import NamedTuple

from jaxsolve.architecture.activations import ACTIVATIONS, Activation, Array
from jaxsolve.architecture.norms import NORMS
from jaxsolve.errors import UsageError, no_such

NONE = "none"
NEARLY = {"gelu_tanh": "gelu"}
"""Activations that differ so little from another that only the right answer tells them apart."""


class Seen(NamedTuple):
    """What a layer sees of the states: a norm of them, an activation, or the states themselves."""

    name: str
    option: float | None

    @property
    def everything(self) -> bool:
        """Whether it is the states themselves."""
        return self.name == NONE

    def function(self, h: Array) -> Array:
        """Return what is seen of states, `[*B, D]`."""
        if self.everything:
            return h
        if self.name in NORMS:
            assert self.option is not None
            return NORMS[self.name].function(h, self.option)
        return _activation(self.name, self.option).function(h)

    def pullback(self, h: Array, gradient: Array) -> Array:
        """Return the gradient with respect to states, of that with respect to what is seen of them."""
        if self.everything:
            return gradient
        if self.name in NORMS:
            assert self.option is not None
            return NORMS[self.name].pullback(h, gradient, self.option)
        return gradient * _activation(self.name, self.option).slope(h)


class Form(NamedTuple):
    """What a block is made of besides its weights."""

    first: Seen
    """What blocks are given of what a layer in front of them makes of the inputs."""
    before: Seen
    """What first halves see of the states."""
    activation: Activation
    last: Seen
    """What the readout sees of the last states."""
    scale: float
    """Blocks are x + scale·f(x)."""

    @property
    def plain(self) -> bool:
        """Whether blocks and readout see the states themselves."""
        return self.before.everything and self.last.everything


class _Spelling(NamedTuple):
    """The names of the parts of a form."""

    first: str
    before: str
    activation: str
    last: str
    scale: float = 1.0

    @classmethod
    def of(cls, name: str) -> "_Spelling":
        number, times, rest = name.rpartition("*")
        try:
            scale = float(number) if times else 1.0
        except ValueError:
            scale = math.nan
        if not (math.isfinite(scale) and scale):
            raise UsageError(f"activation {name!r}: expected a number before the star, as in 0.5*relu")
        first, slash, rest = rest.rpartition("/")
        parts = rest.split("+")
        if len(parts) > 3:
            raise UsageError(f"activation {name!r} has {len(parts)} parts; expected NORM+ACTIVATION+NORM at most")
        found = ([NONE] if len(parts) == 1 else []) + parts + [NONE] * (len(parts) < 3)
        return cls(first if slash else NONE, *found, scale=scale)

    @property
    def joined(self) -> str:
        """The shortest name."""
        parts = [self.before, self.activation, self.last]
        if self.last == NONE:
            parts = parts[1:2] if self.before == NONE else parts[:2]
        scaled = "" if self.scale == 1.0 else f"{self.scale!r}*"
        return scaled + f"{self.first}/" * (self.first != NONE) + "+".join(parts)


@functools.cache
def canonical(name: str) -> str:
    """Return the one spelling of a form: ``GELU`` is ``gelu``, ``LayerNorm+LeakyReLU:0.2`` has underscores.

    Raises
    ------
    UsageError
        There is no such activation or norm, or its option is no finite number.
    """
    given, others = _Spelling.of(name), [*NORMS, *ACTIVATIONS, NONE]
    allowed = [*ACTIVATIONS, NONE], others, [*ACTIVATIONS], others
    parts = (_spelled(part, names, name) for part, names in zip(given[:4], allowed, strict=True))
    return _Spelling(*parts, scale=given.scale).joined


@functools.cache
def form_of(name: str) -> Form:
    """Return a form by name, as `canonical` takes it; `UsageError` if there is none."""
    spelling = _Spelling.of(canonical(name))
    first, before, activation, last = map(_split, spelling[:4])
    return Form(Seen(*first), Seen(*before), _activation(*activation), Seen(*last), spelling.scale)


def activation_of(name: str) -> Activation:
    """Return the activation of a form by name; `UsageError` if there is none."""
    return form_of(name).activation


def bare(name: str) -> str:
    """Return the name of the activation of a form."""
    return _Spelling.of(canonical(name)).activation


def same(name: str) -> str:
    """Return a form that differs so little from one that only the right answer tells them apart; else itself."""
    return respelled(name, activation=NEARLY.get(bare(name), bare(name)))


def respelled(name: str, **parts: str | float) -> str:
    """Return a form with other parts: `first`, `before`, `activation`, `last` or `scale`."""
    return canonical(_Spelling.of(canonical(name))._replace(**parts).joined)


def usual(first: str, *, embeds: bool = False, gated: bool = False) -> list[str]:
    """Return the forms that are tried where nobody has said what the form is, one of them, or another, first.

    They have the norms of the first one. Where a layer stands before the blocks (`embeds`), it may be followed by
    their activation or by none. Gates (`gated`) may be sigmoids as well.
    """
    known = [name for name, one in ACTIVATIONS.items() if one.usual or (gated and name == "sigmoid")]
    named = [respelled(first, activation=name) for name in known]
    if embeds:
        named += [respelled(name, first=bare(name)) for name in named]
    return [first, *(name for name in dict.fromkeys(named) if name != canonical(first))]


def unusual(*, embeds: bool = False) -> list[str]:
    """Return forms that are tried where no usual one fits: behind norms, and blocks that begin with an activation.

    The readout sees the same of the states, or the states themselves.
    """
    known = [name for name, one in ACTIVATIONS.items() if one.usual and name not in NEARLY]
    found = [(norm, name) for norm in NORMS for name in known] + [(name, name) for name in known]
    plain = [f"{before}+{name}" for before, name in found] + [f"{before}+{name}+{before}" for before, name in found]
    return plain + [respelled(name, first=bare(name)) for name in plain] * embeds


def _split(part: str) -> tuple[str, float | None]:
    bare, _, option = part.partition(":")
    return bare, float(option) if option else NORMS[bare].option if bare in NORMS else None


def _activation(name: str, option: float | None) -> Activation:
    one = ACTIVATIONS[name]
    return one.with_option(option) if option is not None and one.with_option is not None else one


def _spelled(part: str, names: list[str], whole: str) -> str:
    """Return the one spelling of a part of a form."""
    bare, colon, text = part.strip().partition(":")
    squeezed: Callable[[str], str] = lambda text: re.sub("[-_ ]", "", text).lower()
    known = next((one for one in names if squeezed(one) == squeezed(bare)), None)
    default = None if known in (None, NONE) else NORMS[known].option if known in NORMS else ACTIVATIONS[known].option
    if known is None or (colon and default is None):
        called = "norm or activation" if {*NORMS} <= {*names} else "activation"
        inside = "" if part.strip() == whole else f"{whole!r}: "
        raise UsageError(f"{inside}{no_such(called, part.strip(), names)}")
    if not colon:
        return known
    try:
        option = float(text)
    except ValueError:
        option = math.nan
    if not math.isfinite(option):
        raise UsageError(f"activation {whole!r}: expected a number behind the colon, as in {known}:0.2")
    return known if option == default else f"{known}:{option!r}"
