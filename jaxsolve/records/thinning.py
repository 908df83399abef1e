"""Host: which of many events are kept, so that the trace of a long run stays small."""

from dataclasses import dataclass


@dataclass(eq=False)
class Thinning:
    """Lets the first events through, and later ones only some time after the last: ever longer as a run grows.

    At most `burst` + `share`·(1 + log(T / (`gap`·`share`))) pass in T seconds: of 500 in a burst, half a second
    apart, with a share of 500, some 2,300 in an hour and 3,900 in a day.
    """

    burst: int = 500
    """Events that pass whenever they come."""
    gap: float = 0.5
    """Seconds between later ones, at least."""
    share: int = 500
    """The gap is never less than this part of the time so far."""
    passed: int = 0
    last: float = float("-inf")

    def open(self, t: float) -> bool:
        """Return whether an event at a time, in seconds since the run began, may pass."""
        return self.passed < self.burst or t - self.last >= max(self.gap, t / self.share)

    def take(self, t: float) -> bool:
        """Return the same, and count the event."""
        if not self.open(t):
            return False
        self.passed, self.last = self.passed + 1, t
        return True
