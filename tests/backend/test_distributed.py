"""What a computation that fails says of other processes."""

import jax
import pytest

from jaxsolve.backend.distributed import ProcessLost, watched
from jaxsolve.errors import OutOfMemoryError, UsageError


def raised(error):
    with pytest.raises(Exception) as told, watched():  # noqa: PT011  (which it is, is what is asked)
        raise error
    return type(told.value)


@pytest.mark.parametrize("of", [ValueError, jax.errors.JaxRuntimeError])
def test_only_of_several_processes_one_can_be_lost(monkeypatch, of):
    lost = of("UNKNOWN: Gloo all-reduce failed: Connection reset by peer")
    assert raised(lost) is of
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    assert raised(lost) is ProcessLost
    assert raised(of("INVALID_ARGUMENT: shapes do not match")) is of
    assert raised(of("RESOURCE_EXHAUSTED: Out of memory allocating 5 bytes")) is OutOfMemoryError


@pytest.mark.parametrize("error", [ValueError("operands could not be broadcast: (2,) (3,)"), UsageError("rows is 0")])
def test_errors_that_are_no_status_of_a_computation_stay_what_they_are(monkeypatch, error):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    assert raised(error) is type(error)
