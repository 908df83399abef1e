"""A report says what a record holds and no more, whatever the record holds, and nothing in it can become a script."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from jaxsolve.errors import JaxsolveError
from jaxsolve.puzzle import read_puzzle, write_puzzle
from jaxsolve.records import read_record
from jaxsolve.report import comparison_of, page, report_of
from jaxsolve.report.figure import NEEDLESS, smaller
from jaxsolve.report.markup import Markup, clean, data, element, table
from tests import reference

STORED = Path(__file__).parent.parent / "records" / "format-1" / "record.json"
HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;\ud800\x00\u2028"


class Page(HTMLParser):
    """What a browser would find in a page: its elements, its scripts and its text; every element is closed in turn."""

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self.open, self.elements, self.scripts, self.text = [], [], [], ""
        self.feed(text.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in {"img", "input", "link", "meta", "source", "wbr"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.text += f"{data} "

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def made(record, puzzle=None) -> Page:
    return Page(page(report_of(record, puzzle)))


def replay_data(found: Page) -> list[dict]:
    return [json.loads(script) for script in found.scripts if script.startswith("{")]


def test_a_report_shows_every_part_of_a_run(long_record):
    found = made(long_record())
    assert {a["id"] for a in found.named("section")} == {
        "summary",
        "certificate",
        "replay",
        "course",
        "pairs",
        "blocks",
        "glossary",
    }
    figures = {a["id"].removeprefix("figure-") for a in found.named("figure")}
    assert figures == {
        "error", "decisions", "throughput", "pair-heatmap", "pair-scores", "delta-norm", "update-ratio",
        "effective-rank", "traces", "active-fraction", "state-norm",
    }  # fmt: skip
    assert "Solved." in found.text
    assert "MSE that float32 explains" in found.text
    assert "Scores of all pairs by trace" in found.text  # the score that the run went by


def test_every_figure_has_words_numbers_and_variants_for_dark_paper_and_narrow_screens(long_record):
    text = page(report_of(long_record())).decode()
    figures = re.findall(r"<figure.*?</figure>", text, re.DOTALL)
    assert len(figures) == 11
    for figure in figures:
        assert re.search(r"<figcaption><h3>.+?</h3><p>.{20,}?</p></figcaption>", figure)
        assert re.search(r"<details><summary>Numbers</summary>.*<td>", figure)
        assert re.search(r'<img src="data:image/svg\+xml;base64,[^"]+" alt="[^"]{10,}" width="\d+', figure)
        medias = re.findall(r'<source media="([^"]+)"', figure)
        large = 'class="large"' in figure
        assert len(medias) == len({*medias}) == (5 if large else 3)
        assert sum("dark" in media for media in medias) == (3 if large else 2)
        assert sum("max-width" in media for media in medias) == (4 if large else 2)


def test_the_policy_of_the_page_allows_its_own_style_and_script_and_nothing_else(record):
    found = made(record())
    (policy,) = [a["content"] for a in found.named("meta") if a.get("http-equiv")]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert (rules["default-src"], rules["img-src"]) == ("'none'", "data:")
    assert re.fullmatch(r"'sha256-[\w+/]+='", rules["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/]+='", rules["style-src"])
    for tag, attributes in found.elements:
        assert not {key for key in attributes if key.startswith("on") or key == "style"}, tag
        for key in ("src", "href", "srcset"):
            assert attributes.get(key, "#").startswith(("#", "data:")), tag


def test_ids_are_unique_and_every_reference_leads_somewhere(record):
    for found in (made(record()), Page(page(comparison_of([record("a"), record("b")])))):
        ids = [a["id"] for _, a in found.elements if "id" in a]
        assert len(ids) == len(set(ids))
        for _, attributes in found.elements:
            for key in ("aria-labelledby", "aria-describedby", "for"):
                assert attributes.get(key, ids[0]) in ids
            if attributes.get("href", "").startswith("#"):
                assert attributes["href"][1:] in ids


def test_hostile_names_are_shown_and_do_nothing(record, three):
    _, answer, _ = three
    about = {
        "name": HOSTILE, "path": HOSTILE, "fingerprint": HOSTILE, "blocks": HOSTILE, "halves": [HOSTILE],
        "features": HOSTILE, "hidden": HOSTILE, "rows": HOSTILE, "activation": HOSTILE,
    }  # fmt: skip
    events = [
        {"event": "attempt", "search": HOSTILE, "order_seed": HOSTILE, "pairing": HOSTILE},
        {"event": "frame", "loss": 1.0, "start": True, "permutation": answer},
        {"event": "frame", "loss": 0.5, "start": False, "permutation": answer},
        {"event": "round", "name": HOSTILE, "loss": 0.5, "accepted": 1, "rejected": 1},
        {"event": "frame", "loss": 0.4, "start": False, "permutation": answer},
        {"event": "round", "name": HOSTILE, "loss": 0.4, "accepted": 1, "rejected": 1},
    ]
    events = [{"t": k, "evaluations": k, "attempt": 1} | event for k, event in enumerate(events)]
    fields = {
        "settings": {HOSTILE: HOSTILE, "deep": {HOSTILE: [HOSTILE]}}, "versions": {HOSTILE: HOSTILE},
        "machine": {HOSTILE: HOSTILE}, "devices": [HOSTILE], "started": HOSTILE, "status": HOSTILE, "error": HOSTILE,
        "certificate": {"sha256": HOSTILE, "expected_sha256": HOSTILE, "rows": HOSTILE},
        "report": {"message": HOSTILE, "why": {HOSTILE: HOSTILE}, "seconds": {HOSTILE: HOSTILE}, "unused": [HOSTILE]},
    }  # fmt: skip
    one = record("a<script>b", events, puzzle=about, command=HOSTILE, **fields)
    for found in (made(one), Page(page(comparison_of([one, one])))):
        assert all(a == {} or a["type"] == "application/json" for a in found.named("script"))
        assert sum(a == {} for a in found.named("script")) == 1
        assert not [a for a in found.named("img") if a["src"] == "x"]
        assert "alert(1)" in found.text
        assert "<script>alert(1)" in found.text
        assert "a<script>b" in found.text
    assert replay_data(made(one))[0]["phases"][0].startswith("seed </script><script>alert(1)")


def test_what_is_no_markup_is_escaped_and_data_cannot_end_its_script():
    assert element("p", "<b>", Markup("<i>"), title='"x"', hidden=True, id=None) == (
        '<p title="&quot;x&quot;" hidden>&lt;b&gt;<i></p>'
    )
    assert "<b>" not in table(["<b>"], [["<b>", "<b>"]], "<b>")
    assert "<" not in data(HOSTILE.replace("\ud800", "")).removeprefix('<script type="application/json">').removesuffix(
        "</script>"
    )


def test_a_run_without_frames_says_so(record):
    found = made(record(events=[], permutation=None, loss=None, mse=None))
    assert "nothing to replay" in found.text
    assert "there is no curve" in found.text
    assert "No order of all pieces is found yet." in found.text
    assert replay_data(found) == []


def test_a_run_that_has_hardly_begun(demo_record):
    report = report_of(demo_record)
    found = Page(page(report))
    assert "ended from outside" in found.text
    assert report.figures == []
    assert report.notes == [
        "Without pair scores and properties of blocks: nothing is found yet whose blocks could be measured"
    ]


def test_an_unfinished_run_is_replayed_as_far_as_it_went(record, three):
    _, answer, _ = three
    events = [{"event": "frame", "t": 1.0, "evaluations": 3, "attempt": 1, "loss": 1.0, "start": True}]
    events[0]["permutation"] = answer
    found = made(record(events=events, status="running", certificate=None, report=None))
    assert "unfinished" in found.text
    assert "nothing that the run has found was judged" in found.text
    (told,) = replay_data(found)
    assert told["orders"] == [[0, 1, 2, 3]]
    assert told["places"] == [0, 1, 2, 3]


def test_a_run_whose_puzzle_is_gone_is_reported_without_it(record, three, tmp_path):
    _, _, path = three
    one = record()
    path.rename(tmp_path / "moved")
    report = report_of(one)
    assert {figure.name for figure in report.figures} == {"error", "decisions", "throughput"}
    assert "no such file or folder; --puzzle PATH says where it is now" in report.notes[0]
    assert report.notes[0] in " ".join(Page(page(report)).text.split())
    assert len(report_of(one, str(tmp_path / "moved")).figures) == 11


def test_another_puzzle_is_refused_where_it_is_named_and_left_out_where_it_is_not(record, three, tmp_path):
    puzzle, _, path = three
    one = record()
    write_puzzle(puzzle.replace(y=puzzle.y + 1), tmp_path / "other")
    with pytest.raises(JaxsolveError, match="another puzzle than that of the run"):
        report_of(one, str(tmp_path / "other"))
    with pytest.raises(JaxsolveError, match="/nowhere: no such file or folder"):
        report_of(one, "/nowhere")
    path.rename(tmp_path / "moved")
    (tmp_path / "other").rename(path)
    assert "another puzzle than that of the run, or changed since" in report_of(one).notes[0]


def test_an_answer_that_leaves_decoys_out(tmp_path, record, three):
    puzzle, _ = reference.random_puzzle(6, n=5, rows=30)
    write_puzzle(puzzle, tmp_path / "decoys")
    ids = [*puzzle.in_ids.tolist(), *puzzle.out_ids.tolist()]
    few, many = ids[0:1] + ids[5:6] + ids[1:2] + ids[6:7], [piece for k in range(5) for piece in (ids[k], ids[5 + k])]
    few, many = [*few, puzzle.last_id], [*many, puzzle.last_id]
    events = [
        {
            "event": "frame",
            "t": k,
            "evaluations": k,
            "attempt": 1,
            "loss": 1.0 / (k + 1),
            "start": k == 0,
            "permutation": p,
        }
        for k, p in enumerate((many, few))
    ]
    about = {
        "name": "decoys",
        "path": str(tmp_path / "decoys"),
        "fingerprint": read_puzzle(tmp_path / "decoys").fingerprint,
    }
    report = {"unused": sorted({*many} - {*few}), "activation": "relu"}
    found = made(record("out", events, puzzle=about, permutation=few, report=report))
    (told,) = replay_data(found)
    assert told["places"] == [0, 1, -1, -1, -1]
    assert told["orders"] == [[0, 1, 2, 3, 4], [0, 1]]
    assert told["moves"] == ["", "3 blocks fewer than before"]
    assert ", ".join(map(str, report["unused"])) in found.text
    assert "of 2 blocks score above every other pair of either half" in found.text
    assert "Blocks are on the diagonal of the 5 by 5 scores." in found.text


def test_damage_in_the_trace_costs_only_what_is_damaged(record, three):
    _, answer, _ = three
    whole = {"t": 1.0, "evaluations": 1, "attempt": 1, "event": "frame", "loss": 0.5, "permutation": answer}
    broken = [
        {"loss": "x"}, {"loss": None}, {"loss": -1}, {"loss": 1e999}, {"loss": True}, {"t": None}, {"evaluations": 10**400},
        {"evaluations": 1.5}, {"attempt": []}, {"permutation": "x"}, {"permutation": [1.5]}, {"permutation": [1, 2]},
        {"event": ["frame"]}, {"event": "round", "accepted": "x"}, {"event": "judged", "mse": {}},
    ]  # fmt: skip
    found = made(record(events=[whole, *(whole | change for change in broken), {"event": "frame"}]))
    assert len(replay_data(found)[0]["orders"]) == 1


def test_several_runs_are_compared(record):
    one, other = record(), record("other", seed=3, settings={"search": "bubble"}, evaluations=60)
    report = comparison_of([one, other, one])
    found = Page(page(report))
    assert [figure.name for figure in report.figures] == ["compared-evaluations", "compared-seconds"]
    assert {row[0] for row in report.figures[0].rows} == {"run", "other", "run (2)"}
    assert len(replay_data(found)) == 3
    words = " ".join(found.text.split())
    assert "settings.search swaps bubble swaps" in words
    assert "seed 0 3 0" in words
    assert "evaluations 30 60 30" in words
    assert "versions.numpy" not in words
    assert "1e-12 20 evaluations, 2.00 s" in words


def test_runs_without_a_curve_and_runs_alike_are_compared_too(record, demo_record):
    found = Page(page(comparison_of([record(), demo_record])))
    assert "different puzzles" in found.text
    one = record("again", events=[])
    report = comparison_of([one, one])
    assert report.figures == []
    assert "All of these were run alike" in Page(page(report)).text


def test_the_stored_record_of_format_1_is_reported():
    report = report_of(read_record(STORED))
    found = Page(page(report))
    assert {figure.name for figure in report.figures} == {"error", "decisions", "throughput"}
    assert "three: solved" in found.text
    assert "format-1" in found.text
    assert replay_data(found)[0]["phases"] == ["start"]


def test_a_small_svg_keeps_its_shapes_and_colors():
    cells = "".join(f'<path d="M{k}.123456,0h1v1h-1Z" fill="rgb({k % 2}, 2, 255)"/>' for k in range(4))
    drawn = f'<svg width="1"><g role="x" aria-label="y" opacity="1">{cells}</g></svg>'
    assert smaller(drawn, "serif") == (
        '<svg font-family="serif" width="1"><g>'
        '<path d="M0.12,0h1v1h-1ZM2.12,0h1v1h-1Z" fill="#0002ff"/><path d="M1.12,0h1v1h-1ZM3.12,0h1v1h-1Z" fill="#0102ff"/>'
        "</g></svg>"
    )
    assert NEEDLESS.sub("", ' stroke-width="1.5" opacity="0.1"') == ' stroke-width="1.5" opacity="0.1"'


def test_texts_are_no_longer_than_a_page_has_room_for():
    told = clean({"name": ["x" * 70_000, "y" * 1000, "a\x00b"]})
    assert told == {"name": ["x" * 1000 + "…", "y" * 1000, "a\ufffdb"]}
