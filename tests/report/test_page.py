"""What a reader sees first, what figures of few points become, what captions say, and which words are explained."""

import base64
import itertools
import re

import pytest
from scipy.stats import kendalltau

from jaxsolve.records import read_record
from jaxsolve.report import comparison_of, page, report_of
from jaxsolve.report.charts import logarithmic, power, specification
from jaxsolve.report.charts.blocks import course
from jaxsolve.report.curves import compared
from jaxsolve.report.history import history_of
from jaxsolve.report.markup import ids, unbroken
from jaxsolve.report.replay import kendall_tau, replay_data
from jaxsolve.report.terms import ANSWER, BEST_FOUND, TERMS, VERDICTS, best_word, in_words_of
from tests.report.test_report import STORED, Page, made

PROVEN = ("solved", "identified", "accepted")


def words(found: Page) -> str:
    return " ".join(found.text.split())


def test_verdict_shares_error_name_and_shape_come_first(record):
    found = words(made(record(report={"message": "It is.", "r2": 0.75, "mse": 0.25}, status="unsolved")))
    begun = found[found.index("Skip to the content") :]
    assert begun.startswith("Skip to the content puzzle: not solved 4 blocks of 4 features and 6 hidden units, 30 rows")
    assert "Result Not solved R² 0.75 MSE 0.25 It is." in begun


def test_what_is_not_judged_on_all_rows_is_said_so(record):
    one = record(mse=None, loss=0.25, certificate=None, report=None, status="running")
    told = words(made(one))
    assert "MSE 0.25 on the rows of the search; the best found order was not judged on all" in told
    nothing = record("none", mse=None, loss=None, certificate=None, report=None, permutation=None, events=[])
    assert "R² not known MSE none yet" in words(made(nothing))


@pytest.mark.parametrize("status", VERDICTS)
def test_what_is_not_proven_is_never_called_an_answer(record, status):
    message = "the answer accounts for 0.68 of the variance; this is the best answer without what is missing"
    found = Page(page(report_of(record(status=status, report={"message": message, "activation": "relu"}))))
    shown = found.text + " ".join(a.get("aria-label", "") for _, a in found.elements)
    scripts = [script for script in found.scripts if script.startswith("{")]
    before = shown[: shown.index("Glossary MSE")] if "Glossary MSE" in shown else shown[: shown.rindex("Glossary")]
    if status in PROVEN:
        assert best_word(status) == ANSWER
        assert '"word":"answer"' in scripts[0]
    else:
        assert "answer" not in before
        assert "best found" in before
        assert '"word":"best found order"' in scripts[0]


def test_the_word_of_a_sentence_is_exchanged_alone():
    told = "The answer overflows; the best answer is 3, and no answer near it is another."
    assert in_words_of(ANSWER, told) == told
    assert in_words_of(BEST_FOUND, told) == (
        "The best found order overflows; the best found order is 3, and no answer near it is another."
    )


def test_figures_of_few_points_are_told_in_words(record, long_record):
    found = made(record())
    assert found.named("figure") == []
    told = words(found)
    assert "MSE falls from 1 to 1e-12 (12 powers of ten) in 1.5 s and 15 evaluations, from 0.5 s on" in told
    assert "MSE 1 at 5, 0.0001 at 10, 1e-08 at 15, 1e-12 at 20 evaluations" in told
    for figure in report_of(record("again")).figures:
        assert figure.sparse()
        assert figure.title in told
        if figure.name in ("traces", "delta-norm"):
            assert figure.few.startswith("By position: ")
            assert figure.few.count(";") == 3
            assert figure.few in told
    many = report_of(long_record())
    assert [figure.name for figure in many.figures if figure.sparse()] == []
    assert {figure.name for figure in many.figures if figure.sparse(least=23)} == {
        "delta-norm", "update-ratio", "effective-rank", "traces", "active-fraction",
    }  # fmt: skip


def test_edges_of_figures_are_the_same(long_record):
    text = page(report_of(long_record())).decode()
    widths: dict[tuple[bool, str], set[str]] = {}
    for figure in re.findall(r"<figure.*?</figure>", text, re.DOTALL):
        large = 'class="large"' in figure
        for media, uri in re.findall(r'<source media="([^"]+)" srcset="[^,"]+,([^"]+)"', figure):
            svg = base64.b64decode(uri).decode()
            found = re.search(r'<svg[^>]* width="(\d+)"', svg)
            left = re.search(r"translate\((\d+),", svg)
            assert found is not None
            assert left is not None
            assert left[1] == "65"
            kind = "narrow" if "40rem" in media else "middling" if "64rem" in media else "wide"
            widths.setdefault((large and kind == "wide", kind.replace("middling", "wide")), set()).add(found[1])
    assert widths == {(False, "narrow"): {"345"}, (False, "wide"): {"574"}, (True, "wide"): {"1173"}}


def test_axes_of_errors_have_their_decades_as_ticks_and_powers_of_ten_as_labels():
    assert [power(k) for k in (0, 1, 2, -3, -14)] == ["1", "10", "10²", "10⁻³", "10⁻¹⁴"]
    axis = logarithmic("mse", "MSE", [0.4, 3e-6]).to_dict()
    assert axis["scale"] == {"type": "log", "domain": [1e-6, 1.0], "nice": False}
    assert axis["axis"]["values"] == [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    assert "10⁻³" in axis["axis"]["labelExpr"]
    assert axis["axis"]["gridOpacity"]["value"] < axis["axis"]["gridOpacity"]["condition"]["value"]
    fine = logarithmic("mse", "MSE", [0.4, 0.02]).to_dict()["axis"]["values"]
    assert fine == [*(k / 100 for k in range(1, 10)), *(k / 10 for k in range(1, 10)), 1.0]
    deep = logarithmic("mse", "MSE", [1.0, 1e-14]).to_dict()["axis"]
    assert len(deep["values"]) == 15
    assert [f"10{text}" in deep["labelExpr"] for text in ("⁻¹⁴", "⁻¹³", "⁻²", "⁻¹'")] == [True, False, True, False]
    assert "type" not in logarithmic("mse", "MSE", [0.5, 0.3]).to_dict()["scale"]


def test_axes_are_drawn_with_these_labels(long_record):
    figures = {figure.name: figure for figure in report_of(long_record()).figures}
    from jaxsolve.report.charts import svg

    drawn = svg(figures["error"].chart).decode()
    labels = re.findall(r">(1|10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)</text>", drawn)
    assert labels[:1] == ["1"] or labels[-1:] == ["1"]
    assert "10⁻¹²" in labels
    assert "10⁻³" not in labels  # of more decades than there is room for, every second or third has a label
    assert specification(figures["error"].chart)["config"]


def test_captions_say_what_figures_show(long_record):
    said = {figure.name: figure.caption for figure in report_of(long_record()).figures}
    assert said["error"] == (
        "MSE falls from 0.5 to 1.58e-12 (12 powers of ten) in 23 s and 230 evaluations, from 0.5 s on; half of these in "
        "the first 12 s. Crosses: ends of attempts, judged over all rows; the best has 1e-14 there."
    )
    assert said["decisions"] == "24 of 240 candidates were taken in 24 rounds (10.0%), the last by evaluation 240."
    assert said["throughput"].startswith("250 evaluations in 25 s: 10 a second on average, 10 at most")
    assert re.match(
        r"\d+ of 22 blocks score above every other pair of either half; least sure are", said["pair-heatmap"]
    )
    assert re.match(r"Blocks from -?[\d.]+ to [\d.]+; all other pairs from", said["pair-scores"])
    assert len({*said.values()}) == len(said)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.0, 2.0, 3.0], "Rises steadily from 1 at the first block to 3 at position 2."),
        ([3.0, 2.0, 2.0], "Falls steadily from 3 at the first block to 2 at position 2."),
        (
            [1.0, 5.0, 0.5, 2.0],
            "Rises from 1 at the first block to 2 at position 3; highest, 5, at position 1 and lowest, 0.5, at position 2.",
        ),
        ([2.0, 2.0], "It is 2 at every position."),
        ([], "None of the values is a finite number."),
    ],
)
def test_values_by_position_are_told_by_their_ends_and_extremes(values, told):
    assert course([*enumerate(values)]) == told


def test_the_lowest_of_several_runs_is_named(long_record, record):
    histories = {"short": history_of(record()), "long": history_of(long_record("other"))}
    said = compared(histories, "seconds").caption
    assert said == "Lowest is short at MSE 1e-12 after 2 s; then long at MSE 1.58e-12 after 23.5 s."


def test_how_near_the_first_order_comes_is_told(long_record):
    one = long_record()
    assert "First order beside the answer: tau -1.00, 0 of 22 blocks in place." in words(made(one))
    told = replay_data([*history_of(one).frames], one.fields["permutation"])
    assert (kendall_tau([0, 1, 2]), kendall_tau([2, 1, 0])) == (1.0, -1.0)
    for order in itertools.permutations(range(5)):
        assert kendall_tau([*order]) == pytest.approx(kendalltau(order, range(5)).statistic)
    assert told["orders"][0] == [*range(22)]


def test_terms_are_explained_where_they_stand_and_in_the_glossary(record):
    for found in (made(record()), Page(page(comparison_of([record("a"), record("b")])))):
        terms = [a for tag, a in found.elements if tag == "a" and a.get("class") == "term"]
        assert {a["href"].removeprefix("#term-") for a in terms} >= {"mse", "r2", "solved", "block", "frame", "tau"}
        for attributes in terms:
            assert attributes["href"] == f"#{attributes['aria-describedby']}"
            assert attributes["data-tip"] == TERMS[attributes["href"].removeprefix("#term-")][1]
        told = {a["id"] for tag, a in found.elements if tag == "dd" and "id" in a}
        assert told == {f"term-{key}" for key in TERMS}
    for name, meaning in TERMS.values():
        assert name in found.text
        assert meaning in found.text


def test_ids_are_broken_behind_commas_alone():
    assert ids([27, 6, 0]) == '<span class="ids">27,<wbr>6,<wbr>0</span>'
    found = Page(page(report_of(read_record(STORED))))
    answer = read_record(STORED).fields["permutation"]
    assert sum(tag == "wbr" for tag, _ in found.elements) == len(answer) - 1
    assert ", ".join(map(str, answer)) in words(found)


def test_numbers_are_not_broken_at_their_signs():
    assert unbroken("MSE 5.2e-14 <of> 3") == 'MSE <span class="number">5.2e-14</span> &lt;of&gt; 3'
