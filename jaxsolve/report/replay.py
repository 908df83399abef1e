"""Host: the replay of an ordering: its data as the script of the page reads them, and its controls."""

from bisect import bisect, insort
from typing import Any

from jaxsolve.report.history import Frame, History
from jaxsolve.report.markup import Markup, counted, data, element, folded, joined, table
from jaxsolve.report.moves import Step, blocks_of, move_between
from jaxsolve.report.terms import ANSWER, term

SPEEDS = ("0.25", "0.5", "1", "2", "4")


def replay(
    history: History, final: list[int] | None, name: str, of: str = "the ordering", word: str = ANSWER
) -> Markup:
    """Return the widget that plays the best assemblies of a run one after the other.

    Parameters
    ----------
    history
        How the run went.
    final
        The best order; bars stand for positions in it. None: that of the last frame.
    name
        Unique on the page; letters, digits and hyphens.
    of
        What is replayed, for those who cannot see it.
    word
        What the best order is called.
    """
    frames = kept_frames(history.scenes)
    if not frames:
        return element("p", "No assemblies were kept of this run, so there is nothing to replay.", class_="missing")
    told: dict[str, Any] = replay_data(frames, final or [*frames[-1].permutation]) | {"word": word}
    near = first_order(told)
    start = element("p", "First order beside the ", word, ": ", term("tau"), f" {near}.", class_="note") if near else ""
    return element(
        "div",
        start,
        data(told, class_="replay-data"),
        element("div", class_="stage", tabindex="0", role="img", aria_label=f"Replay of {of}, told below"),
        _legend(told["phases"]),
        _controls(len(told["orders"]), name),
        element("p", class_="now", id=f"{name}-now"),
        element("p", class_="spoken", role="status", aria_live="polite"),
        element("noscript", element("p", "The replay needs JavaScript; the table has its numbers.", class_="missing")),
        folded(f"The {len(frames)} frames as a table", _table(frames, told)),
        class_="replay",
        id=name,
        role="group",
        aria_label=f"Replay of {of}",
    )


def kept_frames(frames: tuple[Frame, ...], *, most: int = 1000, most_pieces: int = 300_000) -> list[Frame]:
    """Return frames at equal distances, the first and last among them, so many that the page stays small.

    They are at most `most`, and have at most `most_pieces` pieces together.
    """
    longest = max((len(frame.permutation) for frame in frames), default=1)
    most = max(2, min(most, most_pieces // longest))
    if len(frames) <= most:
        return [*frames]
    return [frames[round(k * (len(frames) - 1) / (most - 1))] for k in range(most)]


def replay_data(frames: list[Frame], final: list[int]) -> dict[str, Any]:
    """Return columns of numbers, a frame an entry.

    A block is told by a number, an index of ``places`` where the position of its first half in the answer stands, -1
    where it has none; the number k is written as -1 - k where its second half is not the one of the answer.
    """
    # frames have the pieces of blocks and the readout; an answer may have norms and other layers as well
    known = {piece for frame in frames for piece in frame.permutation}
    answer = blocks_of([piece for piece in final if piece in known] if known else final)
    places = {i: t for t, (i, _) in enumerate(answer)}
    partners = dict(answer)
    index = {i: k for k, i in enumerate(dict.fromkeys(i for frame in frames for i, _ in blocks_of(frame.permutation)))}
    names = [*dict.fromkeys(frame.phase for frame in frames)]
    orders, steps, before = [], list[Step](), None
    for frame in frames:
        blocks = blocks_of(frame.permutation)
        orders.append([index[i] if partners.get(i, j) == j else -1 - index[i] for i, j in blocks])
        if frame.grows:
            steps.append(Step("grown", f"{counted(len(blocks), 'block')} placed", [len(blocks) - 1]))
        else:
            starts = before is None or frame.start
            steps.append(Step("start", "", []) if starts else move_between(before or [], blocks))
        before = None if frame.grows else blocks
    return {
        "places": [places.get(i, -1) for i in index],
        "pieces": [*index],
        "blocks": len(answer),
        "phases": names,
        "phase": [names.index(frame.phase) for frame in frames],
        "orders": orders,
        "moves": [step.sentence for step in steps],
        "moved": [step.moved if len(step.moved) <= 8 else [] for step in steps],
        "loss": [float(f"{frame.loss:.5g}") for frame in frames],
        "evaluations": [frame.evaluations for frame in frames],
        "seconds": [round(frame.t, 3) for frame in frames],
        "attempt": [frame.attempt for frame in frames],
        "start": [frame.start for frame in frames],
        "grows": [frame.grows for frame in frames],
    }


def in_place(told: dict[str, Any], k: int) -> int:
    """Return how many blocks of a frame stand where the answer has them, with their partners."""
    return sum(block >= 0 and told["places"][block] == t for t, block in enumerate(told["orders"][k]))


def first_order(told: dict[str, Any]) -> str:
    """Return how near the first whole network of a replay comes to the best order, in words; "" where none is told."""
    start = next((k for k, grows in enumerate(told["grows"]) if not grows), None)
    places = [told["places"][block] for block in told["orders"][start] if block >= 0] if start is not None else []
    places = [place for place in places if place >= 0]
    if len(places) < 2:
        return ""
    return f"{kendall_tau(places):.2f}, {in_place(told, start or 0)} of {told['blocks']} blocks in place"


def kendall_tau(places: list[int]) -> float:
    """Return Kendall's rank correlation of at least two positions, all different, with their own order."""
    before, inversions = list[int](), 0
    for place in places:
        inversions += len(before) - bisect(before, place)
        insort(before, place)
    return 1 - 4 * inversions / (len(places) * (len(places) - 1))


def _legend(phases: list[str]) -> Markup:
    """Return the phases with their colors, which some share where there are many."""
    items = (element("li", element("span", class_=f"p{k % 4}"), phase) for k, phase in enumerate(phases))
    return element("ul", *items, class_="phases", aria_label="Phases")


def _controls(frames: int, name: str) -> Markup:
    """Return buttons and sliders; they are shown by the script that serves them."""
    speeds = [element("option", f"{speed}x", value=speed, selected=speed == "1") for speed in SPEEDS]
    position = {"min": "0", "max": str(frames - 1), "value": "0", "step": "1"}
    return element(
        "div",
        element("button", "Play", type="button", class_="play", aria_pressed="false"),
        element("label", "Frame", for_=f"{name}-frame", class_="spoken"),
        element("input", type="range", id=f"{name}-frame", class_="frame", aria_describedby=f"{name}-now", **position),
        element("label", "Speed ", element("select", *speeds, class_="speed")),
        class_="controls",
        hidden=True,
    )


def _table(frames: list[Frame], told: dict[str, Any]) -> Markup:
    headings = ("frame", "phase", "move", "MSE", "evaluations", "seconds", f"in place (of {told['blocks']})")
    step = -(-len(frames) // 300)  # the page stays small
    numbers = lambda k: [told[key][k] for key in ("loss", "evaluations", "seconds")]
    chosen = sorted({*range(0, len(frames), step), len(frames) - 1})
    rows = [
        (k + 1, told["phases"][told["phase"][k]], told["moves"][k] or "start", *numbers(k), in_place(told, k))
        for k in chosen
    ]
    some = element("p", f"Every {step}th frame.") if step > 1 else ""
    return joined([some, table(headings, rows, "Frames of the replay")])
