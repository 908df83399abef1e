"""Device: shapes in signatures, which tests check at every call (jaxtyping) and users do not pay for at import."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or "jaxtyping" in sys.modules:
    from jaxtyping import Array, Bool, Float, Int, Num
else:
    from jax import Array

    class Unchecked:
        """Stands for an array of any shape."""

        def __class_getitem__(cls, shape: Any) -> Any:
            """Return what any value is."""
            return Any

    Bool = Float = Int = Num = Unchecked

__all__ = ["Array", "Bool", "Float", "Int", "Num"]
