"""The family benchmark: its grid, what it says of answers, and that nothing is lost or done twice."""

import argparse
import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from jaxsolve.generation import Recipe
from jaxsolve.puzzle import Assembly, padded, read_puzzle

sys.path.append(str(Path(__file__).parents[2] / "bench"))
family, grid, one, tables = map(importlib.import_module, ("family", "family_grid", "family_puzzle", "family_tables"))

TRUTH = [4, 7, 0, 2, 5, 3, 6]
TINY = {"blocks": 3, "features": 4, "hidden": 8, "train_rows": 200}
CASE = grid.Case("training", "tiny", Recipe(**TINY, epochs=(0, 2)), 2, "auto", 60.0)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    net = tmp_path_factory.mktemp("net")
    one.make(CASE.recipe.as_json(), net)
    return one.epoch_folder(net, 2)


def result(**changes):
    known = {"measure": "family", "cpu": "1 x thing", **family.described(CASE, "c0de", False)}
    found = {
        "status": "solved", "right": True, "pairs_right": 3, "blocks_in_place": 3, "order": 1.0, "mse": 1e-14,
        "seconds": 2.0, "seconds_to_right": 1.5, "evaluations": 9, "activation_told": "auto", "activation": "relu",
        "pairing": "trace", "order_seed": "random", "search": "descent", "phases": {"compile": 1.0},
        "blocks": 3, "features": 4, "hidden": 8, "pairs": 3, "pairs_by": {"trace": 3, "gram": 1}, "best": "trace",
        "share": 1.0, "class": "settled", "norms": -1.0, "norms_last_over_first": 0.5,
    }  # fmt: skip
    return known | found | changes


def test_the_grid_names_every_puzzle_once():
    every = list(grid.cases(list(grid.GROUPS), seeds=2))
    assert len({(case.puzzle, case.method) for case in every}) == len(every)
    assert {case.method for case in every} == set(one.METHODS)
    assert {case.group for case in every} == set(grid.GROUPS)
    assert len(every) == 2 * len(list(grid.cases(list(grid.GROUPS))))


def test_the_grid_is_narrowed_by_names_and_budgets():
    some = list(grid.cases(["small"], budget=7, only="8-votes/seed-41/epoch-5 none"))
    assert [(case.puzzle, case.method, case.budget) for case in some] == [("small/8-votes/seed-41/epoch-5", "none", 7)]


def test_training_twice_as_long_or_another_net_for_decoys_takes_longer():
    seconds = [
        grid.training_seconds(Recipe(**grid.HALF, **more), epochs) - grid.START_SECONDS
        for epochs, more in ((1, {}), (2, {}), (1, {"decoy_ins": 1}))
    ]
    assert seconds == pytest.approx([seconds[0], 2 * seconds[0], 2 * seconds[0]])


def test_classes_are_by_the_share_of_pairs():
    assert [one.class_of(share) for share in (1.0, 47 / 48, 0.8, 0.5, 0.3, 0.0)] == [
        "settled", "nearly", "nearly", "middle", "blind", "blind",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "right", "pairs", "places", "order"),
    [
        (TRUTH, True, 3, 3, 1.0),
        ([5, 3, 0, 2, 4, 7, 6], False, 3, 1, -1.0),
        ([4, 2, 0, 7, 5, 3, 6], False, 1, 1, None),
        ([4, 7, 0, 2, 6], False, 2, 2, 1.0),
        ([4, 7, 0, 2, 5, 3, 9, 8, 6], False, 3, 3, 1.0),
    ],
)
def test_answers_are_compared_with_the_truth(answer, right, pairs, places, order):
    judged = one.judged(answer[:-1], TRUTH[:-1])  # without the readout
    assert (judged["right"], judged["pairs_right"], judged["blocks_in_place"]) == (right, pairs, places)
    assert order is None or judged["order"] == pytest.approx(order)


def test_rank_correlation_of_what_does_not_vary_is_none():
    assert one.rank_correlation([1, 2, 3], [7.0, 7.0, 7.0]) is None
    assert one.rank_correlation([1, 2, 3], [9, 4, 1]) == pytest.approx(-1)


def test_gaps_count_only_in_their_place():
    missing = [{"position": 1, "half": "in", "orphan": 7}, {"position": 3, "half": "out", "orphan": 8}]
    gaps = [SimpleNamespace(piece=7, position=1), SimpleNamespace(piece=8, position=3)]
    assert one.gaps_found(gaps, missing) == 1  # two whole blocks come before the second one
    assert one.gaps_found([gaps[0], SimpleNamespace(piece=8, position=2)], missing) == 2


def test_a_puzzle_is_made_measured_and_solved(tiny):
    look = one.solved(tiny, None, 1.0, False)
    assert look["pairs"] == 3
    assert look["pairs_by"][look["best"]] == max(look["pairs_by"].values())
    found = one.solved(tiny, "auto", 60.0, False)
    assert (found["status"], found["right"], found["activation"]) == ("solved", True, "relu")
    assert 0 < found["seconds_to_right"] <= found["seconds"]
    assert json.loads(json.dumps(found)) == found


def test_hashes_are_taken_away_unless_they_are_to_be_known(tiny):
    assert one.opened(tiny, False)[0].expected_sha256 is None
    assert one.opened(tiny, True)[0].expected_sha256 == read_puzzle(tiny / "puzzle").expected_sha256


def test_making_again_keeps_what_is_there(tiny):
    before = (tiny / "answer.json").stat().st_mtime_ns
    one.make(CASE.recipe.as_json(), tiny.parent)
    assert (tiny / "answer.json").stat().st_mtime_ns == before
    assert sorted(path.name for path in tiny.parent.iterdir()) == ["epoch-0000", "epoch-0002"]


def test_the_watcher_sees_the_answer_also_with_more_null_halves(tiny):
    puzzle, known, _ = one.opened(tiny, False)
    spare = padded(puzzle, 2)
    watcher = one.Watcher(puzzle, puzzle.halves_of(known["permutation"]))
    stay = np.arange(spare.blocks, dtype=np.int32)
    for seconds, best in enumerate((Assembly(stay, stay[::-1]), spare.assembly(known["permutation"]))):
        watcher.run = SimpleNamespace(best=best)
        watcher(SimpleNamespace(elapsed=float(seconds)))
    assert watcher.seconds == 1.0


def test_results_are_added_and_not_done_twice(tmp_path, monkeypatch):
    orders, found = [], {key: value for key, value in result().items() if key not in family.described(CASE, "", False)}
    answers = iter([{"seconds": 1.0}, {"status": "crashed", "error": "x"}, found, AssertionError])
    monkeypatch.setattr(family, "code_version", lambda: "c0de")
    monkeypatch.setattr(family, "asked", lambda order, limit: orders.append(order) or next(answers))
    given = argparse.Namespace(results=tmp_path / "2000-01-01-family.jsonl", hash=False)
    for _ in range(3):
        family.run([CASE], tmp_path, family.done_before(given.results), given)
        if len(orders) == 2:  # as if it had been trained, and the file torn
            one.epoch_folder(family.net_folder(CASE, tmp_path), 2).mkdir(parents=True)
            given.results.write_text(given.results.read_text() + '{"measure": "fam')
    rows = family.read_rows([given.results])
    assert [row["status"] for row in rows] == ["crashed", "solved"]
    assert family.done_before(tmp_path / "2000-01-02-family.jsonl") == {("c0de", CASE.puzzle, "auto", 60.0, False)}


def test_what_a_process_fails_with_names_no_place(monkeypatch):
    failed = SimpleNamespace(returncode=1, stdout="", stderr="Traceback\nOSError: cannot read '/some/where/x': no")
    monkeypatch.setattr(family.subprocess, "run", lambda *_, **__: failed)
    assert family.asked({}, None) == {"status": "crashed", "error": "OSError: cannot read … no"}


def test_nets_with_other_epochs_are_the_same_net(tmp_path):
    other = grid.Case("small", "x", Recipe(**TINY, epochs=(0, 7)), 7, "none", 1.0)
    assert family.net_folder(CASE, tmp_path) == family.net_folder(other, tmp_path)
    assert family.net_folder(CASE, tmp_path) != family.net_folder(
        grid.Case("small", "x", Recipe(**TINY, seed=1), 20, "none", 1.0), tmp_path
    )


def test_tables_group_by_what_was_measured_and_take_the_last_result():
    rows = [
        result(right=False, status="unsolved"),
        result(),
        result(method="trace", right=False, status="unsolved", activation="tanh"),
        result(puzzle="other", **{"class": "blind"}, share=0.5, seconds=4.0),
    ]
    text = tables.tables(rows)
    assert "| settled | auto | 60 | 1 | 1 | 100% | 1 | 2 | 2 | 1.5 |" in text
    assert "| settled | trace | 60 | 1 | 0 | 0% | 0 | - | 2 | - |" in text
    assert "| blind | auto |" in text
    assert "tanh (wrong, is relu)" in text
    assert "| 2 | 75% | 2 of 2 | 0 of 1 |" in text
    crashed = tables.tables([{**family.described(CASE, "c0de", False), "cpu": "x", "status": "crashed", "error": "E"}])
    assert "crashed" in crashed
    assert tables.tables([]) == "No results."


def test_the_drawing_is_xml_with_a_box_for_each_cell():
    root = ElementTree.fromstring(tables.drawing([result(), result(method="trace", right=False)]))
    boxes = root.findall("{http://www.w3.org/2000/svg}rect")
    assert [box.get("fill") for box in boxes] == ["#ffffff", "#2166ac", "#b2182b"]
