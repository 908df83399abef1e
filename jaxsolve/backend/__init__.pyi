from .cache import keep_programs as keep_programs
from .compile import (
    compile_ahead as compile_ahead,
    compile_seconds as compile_seconds,
    compiled as compiled,
    compiled_programs as compiled_programs,
)
from .cores import CORES as CORES
from .devices import device_names as device_names, mesh as mesh, plain_way as plain_way
from .distributed import (
    ProcessLost as ProcessLost,
    agree as agree,
    is_first as is_first,
    join as join,
    processes as processes,
    watched as watched,
)
from .machine import (
    copy_bytes as copy_bytes,
    matmul_flops as matmul_flops,
    peak_bytes as peak_bytes,
    seconds as seconds,
    traced as traced,
)
from .memory import free_memory as free_memory, halving as halving
from .precision import PRECISIONS as PRECISIONS, Tier as Tier
