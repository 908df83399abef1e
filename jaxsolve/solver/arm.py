"""Host: an arm of a portfolio: methods that take turns with the same best assemblies."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from jaxsolve.search import Info, Method, Population, Setting, info_of
from jaxsolve.search.incumbents import Incumbents
from jaxsolve.search.method import State
from jaxsolve.search.storing import Arrays, flattened, restored


class Arm(Protocol):
    """What a portfolio shares its time among."""

    @property
    def name(self) -> str:
        """The method that works."""
        ...

    def advance(self) -> Info:
        """Do one step."""
        ...

    def unfinished(self) -> Population | None:
        """Return what was found on the way, if there is any."""
        ...

    def stored(self) -> tuple[dict[str, Any], Arrays]:
        """Return what `restore` takes, as plain values and arrays."""
        ...

    def restore(self, meta: dict[str, Any], arrays: Arrays) -> None:
        """Go back to where an arm was stored."""
        ...


class TurnsArm:
    """Methods that take turns, each until it says that its turn is over, and share their incumbents.

    Parameters
    ----------
    setting
        Where they begin; they share it.
    methods
        The methods by name.
    turns
        Their names in the order of their turns, over and over; those that are finished are passed over.
    opening
        Names of methods that go before all of them, until they are finished, and hand on what they have found.
    """

    def __init__(
        self, setting: Setting, methods: Mapping[str, Method], turns: Sequence[str], opening: Sequence[str] = ()
    ) -> None:
        self._setting, self._methods, self._turns, self._opening = setting, methods, turns, opening
        self._turn = 0
        self._states: dict[str, State] = {}
        self._work: Any = None
        """What the devices hold for the method whose turn it is; None: it has just begun."""
        self.name = self._whose

    @property
    def _whose(self) -> str:
        """Whose turn it is."""
        k = self._turn - len(self._opening)
        return self._opening[self._turn] if k < 0 else self._turns[k % len(self._turns)]

    def advance(self) -> Info:
        """Do one step of the method whose turn it is; the next begins where it has ended."""
        name = self.name = self._whose
        method, shared = self._methods[name], self._setting.shared
        state = self._states[name] if name in self._states else method.init(self._setting)
        if "incumbents" in shared and hasattr(state, "incumbents"):
            state = state._replace(incumbents=shared["incumbents"])
        if self._work is None:
            self._work = (method.place(self._setting, state),)
        state, work = method.step(self._setting, state, *self._work)
        self._states[name], self._work = state, (work,)
        if hasattr(state, "incumbents"):
            shared["incumbents"] = state.incumbents
        info, opens = info_of(method, state), self._turn < len(self._opening)
        if method.finished(state) if opens else info.over:
            self._turn, self._work = self._turn + 1, None
            if opens:
                self._setting.starts = method.found(state)
            for _ in self._turns:
                self._turn += self._finished(self._whose)
        return info

    def awaits(self, name: str) -> bool:
        """Return whether a method is one of those that take turns, and is not finished."""
        return name in self._turns and not self._finished(name)

    def _finished(self, name: str) -> bool:
        return name in self._states and self._methods[name].finished(self._states[name])

    def unfinished(self) -> Population | None:
        """Return what the method whose turn it is has found so far."""
        state = self._states.get(self.name)
        found = None if state is None else self._methods[self.name].found(state)
        return found if found is not None and found.size else None  # beams have nothing before they end

    def stored(self) -> tuple[dict[str, Any], Arrays]:
        """Return what `restore` takes, as plain values and arrays."""
        arrays = flattened(self._setting.starts, "starts.")
        for name, state in self._states.items():
            arrays |= flattened(state, f"{name}.")
        arrays |= flattened(self._setting.shared.get("incumbents"), "incumbents.")
        return {"turn": self._turn, "begun": [*self._states], "name": self.name}, arrays

    def restore(self, meta: dict[str, Any], arrays: Arrays) -> None:
        """Go back to where an arm was stored."""
        blocks, self._turn, self.name = self._setting.blocks, int(meta["turn"]), str(meta["name"])
        own = lambda kind, name, whole=True: restored(kind, arrays, f"{name}.", blocks, whole=whole)
        if "starts.ins" in arrays:
            self._setting.starts = own(Population, "starts")
        for name in meta["begun"]:
            method = self._methods[name]
            self._states[name] = own(method.state_type, name, whole=not getattr(method, "PARTIAL", False))
        if "incumbents.rows" in arrays:
            self._setting.shared["incumbents"] = own(Incumbents, "incumbents")
