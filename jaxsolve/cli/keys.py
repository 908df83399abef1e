"""Host: ``jaxsolve keys``: what is in the objects that ``--json`` prints."""

from typing import Annotated

import typer

from jaxsolve.cli import arguments, terminal
from jaxsolve.errors import UsageError, no_such

ERROR = {
    "error": "What went wrong, in one line, which is on stderr as well.",
    "exit_code": "The exit code of the command.",
}
"""What every command prints instead of a result."""
ANSWER = {
    "permutation": "Ids of the answer in the order in which pieces run, the readout at the end; null without one.",
    "sha256": "Hash of the comma-joined ids.",
    "verdict": "solved, identified, unidentifiable or unsolved: what the evidence bears.",
    "mse": "Mean squared error over all rows, in float64 and the units of the table.",
    "r2": "Share of the variance of the predictions that the answer accounts for.",
    "pairs": "Ids of the two halves of each block, in order.",
    "activation": "The form that blocks are read with.",
    "activation_given": "Whether somebody said it.",
    "units": "What is behind the readout (link), slope and intercept of the units; ddof of standardised inputs.",
    "exact": "Whether every prediction is reproduced to float32 rounding.",
    "noise": "What is left, if that is noise: sd, mse, explained_z, quantum, step, rounded.",
    "evidence": "What is known of the residual, in a sentence.",
    "identification": "How the answer compares with those near it: identified, moves, least_t, needed_t, least_rise.",
    "cause": "What explains that more than rounding is left: name, words, left, share, reproduces.",
    "unused": "Ids of pieces that the answer leaves out.",
    "alike": "Answers that fit as well: kind, positions, difference, permutation.",
}
FOLLOWS = {
    "record": "Name of the run, or its folder, as 'runs show', 'report' and --resume take it; null without a record.",
    "next": "What is most likely to help: why, and the command (null where none can); null where all is well.",
}
RUN = {
    "status": "solved, identified, accepted, unidentifiable, unsolved, out_of_time, out_of_memory, interrupted, lost.",
    "message": "What was found and what is proven, in a sentence.",
}
SPENT = {
    "evaluations": "Candidates that were evaluated.",
    "seconds": "Seconds by phase, and in total.",
    "seed": "Start of all randomness.",
    "devices": "What programs ran on, one entry a device.",
    "versions": "Versions that the result depends on.",
}
KEYS: dict[str, dict[str, str]] = {
    "solve": {
        **RUN,
        **ANSWER,
        "activations": "Lowest mean squared error under each activation that was tried.",
        "alike_activations": "Other activations that fit about as well, with their errors.",
        "missing": "Where blocks of halves without a partner would explain most: position, half, orphan, explains, …",
        "why": "Reasons in words: pairs, order, search, activation, units, noise, alike, left out, missing.",
        "pairing": "The score that the pairs came from.",
        "order_seed": "Where the first order came from.",
        "seed_mse": "Its mean squared error over all rows.",
        "search": "The search that led to the answer.",
        "rows": "Rows that candidates were compared on.",
        "rounds": "Of that search: round, neighbourhood, moves, mse, evaluations, seconds.",
        "neighbour": "The closest answer found among single moves: mse, gap, moves.",
        **SPENT,
        **FOLLOWS,
    },
    "search": {
        **RUN,
        **ANSWER,
        "guessed": "Whether the answer was found while the activation was guessed.",
        "method": "Methods, joined by commas.",
        "options": "Their numbers that are not the defaults.",
        "rows": "Rows that candidates were compared on.",
        "loss": "Lowest mean squared error on those rows; null without a whole network.",
        "given_pairs": "The score whose pairs were kept; null: pairs were searched.",
        "prior": "The score whose pairs were preferred.",
        "curve": "Where the search stood: stage, evaluations, seconds, loss.",
        "digest": "Hash of all states on the way.",
        "puzzle": "Name of the puzzle.",
        "activations": "Lowest mean squared error of a short search under each activation that was tried.",
        **SPENT,
        **FOLLOWS,
    },
    "sweep": {
        "puzzle": "Name of the puzzle.",
        "runs": "Runs, the best first: setting, config, status, mse, loss, evaluations, seconds, permutation, puzzle.",
        "best": "How many of them make the consensus.",
        "consensus": "How many of these have each pair: pair, runs.",
        "left": "Runs that were not begun.",
        **FOLLOWS,
    },
    "inspect": {
        "name": "Name of the puzzle.",
        "blocks": "Blocks that can run.",
        "features": "Width of the stream.",
        "hidden": "Hidden units of a block, the most of all.",
        "outputs": "Outputs of the network.",
        "inputs": "Columns of inputs.",
        "pieces": "How many pieces there are.",
        "architecture": "What blocks are made of.",
        "candidates": "What else the pieces might be by their shapes, in words.",
        "gate_ids": "Ids of gates.",
        "widths": "Hidden units that occur.",
        "first_id": "The layer before the blocks.",
        "head_id": "The layer before the readout.",
        "norm_ids": "Ids of norms.",
        "square_ids": "Ids of halves that may come first or second.",
        "without_bias": "Ids of layers without biases.",
        "w_in_ids": "Ids of first halves.",
        "w_out_ids": "Ids of second halves.",
        "readout_id": "The last layer.",
        "dtype": "Type of the weights.",
        "rows": "Rows of the table.",
        "input_range": "Least and greatest input.",
        "pred_range": "Least and greatest prediction.",
        "pred_variance": "Variance of the predictions.",
        "label_mse": "Mean squared error of the predictions against the labels; null without them.",
        "expected_sha256": "The hash that the puzzle expects.",
        "lacking": "Why the data cannot tell answers apart; null: they can.",
        "hints": "What the numbers of the table look like.",
        "notes": "What is wrong with the puzzle.",
    },
    "pair": {
        "pairing": "The score that the pairs are by.",
        "pairs": "Pairs: pair (null for a half that is not there), score, margin in standard deviations.",
        "scores": "Scores: pairing, certain, argmax_differences, median_margin, smallest_margin.",
    },
    "verify": {
        **RUN,
        "solved": "Whether the verdict is solved.",
        "blocks": "Blocks that the answer runs.",
        **ANSWER,
        "tolerance": "Mean squared error up to which float32 rounding explains everything.",
        "rows": "Rows that were judged: all.",
        "expected_sha256": "The hash that was expected.",
        "neighbour": "The closest answer found among single moves: mse, gap, moves.",
        "variance": "Of the predictions.",
        "lacking": "Why the data cannot tell answers apart; null: they can.",
        "next": FOLLOWS["next"],
    },
    "export": {
        "out": "The file.",
        "verdict": ANSWER["verdict"],
        "message": RUN["message"],
        "activation": ANSWER["activation"],
        "blocks": "Blocks of the network.",
    },
    "generate": {
        "out": "The folder.",
        "devices": SPENT["devices"],
        "peak_flops": "Operations a second of a matrix product here.",
        "snapshots": "What was written: puzzle, answer, epoch, loss, flops, share_of_peak.",
    },
    "profile": {
        "puzzle": "Name of the puzzle.",
        "blocks": "Its blocks.",
        "features": "Width of the stream.",
        "hidden": "Hidden units of a block.",
        "devices": SPENT["devices"],
        "versions": SPENT["versions"],
        "trace": "Folder of the profile; null without one.",
        "measurements": "What was measured: work, rows, devices, tier, candidates_per_second, share_of_peak, …",
    },
    "version": {
        "jaxsolve": "Version of this package; likewise jax, jaxlib, numpy and python.",
        "system": "The operating system.",
        "platform": "JAX's platform; null if it finds no device.",
        "devices": "Kinds of devices: kind, count.",
        "free_memory": "Bytes that are free: of the machine, or of the fullest accelerator.",
        "trouble": "Why JAX finds no device; null: it finds some.",
    },
    "runs": {
        "runs": "Runs, the newest at the end: run, command, puzzle, status, mse, evaluations, seconds, seed, started."
    },
    "keys": {"COMMAND": "Keys of its object, with what they mean."},
    "options": {"METHOD": "Its numbers with their defaults."},
}
"""Keys of the object that each command prints, and what they mean."""


@terminal.guarded
def keys(
    command: Annotated[
        str | None, typer.Argument(metavar="COMMAND", help="Those of this command. Default: of all.")
    ] = None,
    json: arguments.Json = False,
) -> None:
    """Say what is in the object that a command prints with --json.

    Whatever goes wrong is one object as well, on stdout, with the keys error
    and exit_code, beside the one line on stderr.
    """
    if command is not None and command not in KEYS:
        raise UsageError(no_such("command", command, KEYS))
    shown = {command: KEYS[command]} if command else KEYS
    if json:
        terminal.result_json(shown | {"error": ERROR})
        return
    parts = [(f"jaxsolve {name}", own) for name, own in shown.items()] + [
        ("instead, where something goes wrong", ERROR)
    ]
    terminal.result("\n\n".join(f"{name}\n{terminal.table(list(own.items()))}" for name, own in parts))
