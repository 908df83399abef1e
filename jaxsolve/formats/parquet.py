"""Host: Parquet tables, by PyArrow where that is installed."""

import io
from typing import Any

import numpy as np

from jaxsolve.errors import PuzzleError
from jaxsolve.formats.limits import Limits

MAGIC = b"PAR1"


def read_parquet(data: bytes, name: str, limits: Limits) -> dict[str, np.ndarray[Any, Any]]:
    """Return the columns of numbers in a Parquet file, in float64, and of others the names, with empty columns.

    Raises
    ------
    PuzzleError
        It is damaged or beyond the limits, or PyArrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise PuzzleError(
            f"{name}: Parquet needs pyarrow: pip install 'jaxsolve[parquet]', or save it as .csv"
        ) from error
    try:
        file = pq.ParquetFile(io.BytesIO(data), thrift_string_size_limit=len(data), thrift_container_size_limit=1 << 20)
        about, schema = file.metadata, file.schema_arrow
        if about.num_columns > limits.columns:
            raise PuzzleError(f"{name}: {about.num_columns} columns; at most {limits.columns} are read")
        size = 8 * about.num_rows * about.num_columns
        most = max(limits.free_bytes, limits.inflation * len(data))
        if size > most:
            raise PuzzleError(f"{name}: {len(data)} bytes that hold {size}: taken for an archive bomb and not read")
        tells = pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean, pa.types.is_decimal
        numeric = [one.name for one in schema if any(tell(one.type) for tell in tells)]
        if len({*schema.names}) < len(schema.names):
            raise PuzzleError(f"{name}: two columns of the same name")
        table = file.read(columns=numeric, use_threads=False)
        if table.num_rows != about.num_rows:
            raise ValueError("another number of rows than it says")
        whole = lambda one: one.cast(pa.int8()) if pa.types.is_boolean(one.type) else one
        columns = {one: whole(table.column(one)).cast(pa.float64()).to_numpy() for one in numeric}
    except PuzzleError:
        raise
    except Exception as error:  # PyArrow raises kinds of its own on damage
        raise PuzzleError(f"{name}: not a readable Parquet file ({' '.join(str(error).split())[:200]})") from error
    return {one: columns.get(one, np.empty(0)) for one in schema.names}
