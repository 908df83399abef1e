"""The replay shows the frames of a run as they were, and says rightly what was moved in each."""

import itertools

import pytest

from jaxsolve.report.history import Frame, history_of
from jaxsolve.report.moves import blocks_of, move_between
from jaxsolve.report.replay import in_place, kept_frames, replay_data

ORDER = [(k, 10 + k) for k in range(6)]


def frames(count: int, length: int = 9) -> tuple[Frame, ...]:
    return tuple(Frame(k, float(k), 1, 1.0, k == 0, tuple(range(length)), "swaps") for k in range(count))


@pytest.mark.parametrize(("source", "target"), [*itertools.permutations(range(6), 2)])
def test_a_block_that_was_moved_is_told_from_where_to_where(source, target):
    after = [*ORDER]
    after.insert(target, after.pop(source))
    step = move_between(ORDER, after)
    if abs(source - target) == 1:
        assert (step.kind, sorted(step.moved)) == ("swap", sorted((source, target)))
    else:
        assert step == ("insertion", f"block moved from {source} to {target}", [target])


@pytest.mark.parametrize(
    ("after", "kind", "moved"),
    [
        ([0, 4, 2, 3, 1, 5], "swap", [1, 4]),
        ([2, 3, 4, 0, 1, 5], "insertion", [3, 4]),
        ([0, 4, 5, 1, 2, 3], "insertion", [1, 2]),
        ([0, 4, 3, 2, 1, 5], "reversal", [1, 2, 3, 4]),
        ([1, 0, 3, 2, 5, 4], "several", [0, 1, 2, 3, 4, 5]),
        ([0, 1, 2, 3, 4, 5], "same", []),
    ],
)
def test_moves_are_told_apart(after, kind, moved):
    step = move_between(ORDER, [ORDER[k] for k in after])
    assert (step.kind, step.moved) == (kind, moved)


def test_other_partners_other_blocks_and_other_numbers_of_them():
    assert move_between(ORDER, [(0, 11), (1, 10), *ORDER[2:]]).kind == "partners"
    assert move_between(ORDER, [(7, 17), *ORDER[1:]]).kind == "other"
    assert move_between(ORDER, ORDER[:4]).sentence == "2 blocks fewer than before"


def test_frames_hold_positions_in_the_answer_and_phases(record, three):
    _, answer, _ = three
    history = history_of(record())
    told = replay_data([*history.frames], answer)
    assert told["phases"] == ["seed delta_norm", "swaps"]
    assert told["phase"] == [0, 1, 1, 1]
    assert told["moves"] == ["", "blocks at 0 and 1 swapped", "blocks at 1 and 3 swapped", "blocks at 2 and 3 swapped"]
    assert [in_place(told, k) for k in range(4)] == [0, 1, 2, 4]
    assert told["loss"] == [1.0, 1e-4, 1e-8, 1e-12]
    firsts = [first for first, _ in blocks_of(answer)]
    for frame, order in zip(history.frames, told["orders"], strict=True):
        assert [told["places"][block] for block in order] == [firsts.index(i) for i, _ in blocks_of(frame.permutation)]


def test_networks_that_grow_are_scenes_of_their_own_and_count_for_no_error(record, three):
    _, answer, _ = three
    grown = [
        {"event": "growth", "name": "probe_beam", "losses": [10.0**-k, 0.5, 1.0], "permutation": [*answer[: 2 * k], 8]}
        for k in (1, 2, 3, 4)
    ]
    damaged = [{"event": "growth", "losses": [0.1, None, 1.0], "permutation": answer}, grown[0] | {"losses": 3}]
    whole = {"event": "frame", "loss": 0.25, "start": True, "permutation": answer}
    told = [{"t": 1.0 * k, "evaluations": k, "attempt": 1} | one for k, one in enumerate([*grown, *damaged, whole])]
    history = history_of(record(events=told))
    assert [one.blocks for one in history.growth] == [1, 2, 3, 4]
    assert history.growth[1].losses == (1e-2, 0.5, 1.0)
    assert [loss for _, _, loss in history.best] == [0.25]
    shown = replay_data([*history.scenes], answer)
    assert [len(order) for order in shown["orders"]] == [1, 2, 3, 4, 4]
    assert shown["grows"] == [True] * 4 + [False]
    assert shown["moves"] == ["1 block placed", "2 blocks placed", "3 blocks placed", "4 blocks placed", ""]
    assert [in_place(shown, k) for k in range(5)] == [1, 2, 3, 4, 4]


def test_frames_that_were_written_late_are_shown_when_they_were_found(record, three):
    _, answer, _ = three
    whole = {"event": "frame", "t": 1.0, "permutation": answer, "start": False}
    told = [whole | {"evaluations": n, "attempt": a, "loss": x} for n, a, x in ((5, 1, 0.5), (9, 2, 0.7), (7, 1, 0.1))]
    history = history_of(record(events=told))
    assert [frame.evaluations for frame in history.frames] == [5, 7, 9]
    assert history.best == [(5, 1.0, 0.5), (7, 1.0, 0.1)]


def test_a_block_with_another_partner_is_told_from_one_in_place():
    one = Frame(0, 0.0, 1, 1.0, True, (0, 11, 1, 10, 9), "start")
    told = replay_data([one], [0, 10, 1, 11, 9])
    assert told["orders"] == [[-1, -2]]
    assert in_place(told, 0) == 0


def test_many_frames_are_thinned_to_a_small_page_the_first_and_the_last_among_them():
    assert kept_frames(frames(5)) == [*frames(5)]
    for count, length in ((5000, 97), (1500, 1001)):
        some = kept_frames(frames(count, length))
        assert (some[0].t, some[-1].t) == (0, count - 1)
        assert len(some) <= 1000
        assert len(some) * length <= 300_000
        gaps = {round(b.t - a.t) for a, b in itertools.pairwise(some)}
        assert max(gaps) - min(gaps) <= 1
