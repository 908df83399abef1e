"""Device: the arithmetic. The only room that imports JAX, and it does so when a name is first used."""

from typing import TYPE_CHECKING

from jaxsolve._lazy import lazy_exports
from jaxsolve.engine.moves import NEIGHBOURHOODS, Moves, Neighbourhood, as_moves, exchanges, of_segments, union
from jaxsolve.engine.paths import Plan, plan

if TYPE_CHECKING:
    from jaxsolve.engine.annealing import MOVE_KINDS, Chains, Cooling, Counts, Kept, annealed, chains_placed
    from jaxsolve.engine.cache import keep_programs
    from jaxsolve.engine.compile import compile_ahead, compile_seconds, compiled
    from jaxsolve.engine.construction import insertion_losses
    from jaxsolve.engine.devices import device_names, mesh
    from jaxsolve.engine.distributed import ProcessLost, agree, is_first, join, processes, watched
    from jaxsolve.engine.expansion import Expansions, best_expansions, grown, inputs_spread, outputs
    from jaxsolve.engine.grand_canonical import (
        GROWTH_KINDS,
        Climate,
        Ensemble,
        Growth,
        Networks,
        ensemble_placed,
        grown_canonically,
    )
    from jaxsolve.engine.machine import copy_bytes, matmul_flops, peak_bytes, seconds, traced
    from jaxsolve.engine.memory import free_memory, rows_that_fit
    from jaxsolve.engine.neighbourhood import Way, best_way, input_states, kernel_agrees, path_losses
    from jaxsolve.engine.network import ACTIVATIONS, Pieces, Problem, first_rows, place, split_rows
    from jaxsolve.engine.precision import PRECISIONS, Tier
    from jaxsolve.engine.prepending import prepended_losses, suffix_losses
    from jaxsolve.engine.probing import input_gains, partner_gains
    from jaxsolve.engine.screening import first_order_changes, predicted_losses

__all__ = [
    "ACTIVATIONS",
    "GROWTH_KINDS",
    "MOVE_KINDS",
    "NEIGHBOURHOODS",
    "PRECISIONS",
    "Chains",
    "Climate",
    "Cooling",
    "Counts",
    "Ensemble",
    "Expansions",
    "Growth",
    "Kept",
    "Moves",
    "Neighbourhood",
    "Networks",
    "Pieces",
    "Plan",
    "Problem",
    "ProcessLost",
    "Tier",
    "Way",
    "agree",
    "annealed",
    "as_moves",
    "best_expansions",
    "best_way",
    "chains_placed",
    "compile_ahead",
    "compile_seconds",
    "compiled",
    "copy_bytes",
    "device_names",
    "ensemble_placed",
    "exchanges",
    "first_order_changes",
    "first_rows",
    "free_memory",
    "grown",
    "grown_canonically",
    "input_gains",
    "input_states",
    "inputs_spread",
    "insertion_losses",
    "is_first",
    "join",
    "keep_programs",
    "kernel_agrees",
    "matmul_flops",
    "mesh",
    "of_segments",
    "outputs",
    "partner_gains",
    "path_losses",
    "peak_bytes",
    "place",
    "plan",
    "predicted_losses",
    "prepended_losses",
    "processes",
    "rows_that_fit",
    "seconds",
    "split_rows",
    "suffix_losses",
    "traced",
    "union",
    "watched",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "ACTIVATIONS": "network",
        "agree": "distributed",
        "annealed": "annealing",
        "best_expansions": "expansion",
        "best_way": "neighbourhood",
        "Chains": "annealing",
        "chains_placed": "annealing",
        "Climate": "grand_canonical",
        "compile_ahead": "compile",
        "compile_seconds": "compile",
        "compiled": "compile",
        "Cooling": "annealing",
        "copy_bytes": "machine",
        "Counts": "annealing",
        "device_names": "devices",
        "Ensemble": "grand_canonical",
        "ensemble_placed": "grand_canonical",
        "Expansions": "expansion",
        "first_order_changes": "screening",
        "first_rows": "network",
        "free_memory": "memory",
        "grown": "expansion",
        "grown_canonically": "grand_canonical",
        "Growth": "grand_canonical",
        "GROWTH_KINDS": "growth_moves",
        "input_gains": "probing",
        "input_states": "neighbourhood",
        "inputs_spread": "expansion",
        "insertion_losses": "construction",
        "is_first": "distributed",
        "join": "distributed",
        "keep_programs": "cache",
        "Kept": "annealing",
        "kernel_agrees": "neighbourhood",
        "matmul_flops": "machine",
        "mesh": "devices",
        "MOVE_KINDS": "annealing",
        "Networks": "grand_canonical",
        "outputs": "expansion",
        "partner_gains": "probing",
        "path_losses": "neighbourhood",
        "peak_bytes": "machine",
        "Pieces": "network",
        "place": "network",
        "PRECISIONS": "precision",
        "predicted_losses": "screening",
        "prepended_losses": "prepending",
        "Problem": "network",
        "processes": "distributed",
        "ProcessLost": "distributed",
        "rows_that_fit": "memory",
        "seconds": "machine",
        "split_rows": "network",
        "suffix_losses": "prepending",
        "Tier": "precision",
        "traced": "machine",
        "watched": "distributed",
        "Way": "neighbourhood",
    },
)
