"""What notebooks show of solutions: well-formed, escaped, and the curve that there was."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from jaxsolve.experiment.search import JointConfig, joint_search
from jaxsolve.puzzle import demo_puzzle
from jaxsolve.solver import Config, solve
from jaxsolve.solver.notebook import drawn
from tests import reference


def parsed(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html.replace("<br>", "<br/>"))


def test_a_solution_shows_verdict_error_curve_and_order():
    solution = solve(demo_puzzle())
    html = solution._repr_html_()
    shown = "".join(parsed(html).itertext())
    assert shown.startswith(f"solved{solution.message}")
    for text in (solution.certificate.sha256, f"{solution.certificate.mse:.3g}", "Order of 33 pieces"):
        assert text in shown
    assert ", ".join(map(str, solution.certificate.permutation)) in shown
    assert f"MSE of the search, {solution.attempt.start_loss:.3g} to {solution.rounds[-1].loss:.3g}" in shown
    spent = sum(done.evaluations for done in solution.rounds)
    assert f"after {spent:,} evaluations" in shown
    assert not re.search(r"script|href|src=|url\(", html)


def test_a_joint_solution_shows_the_curve_of_its_search():
    puzzle, _ = reference.random_puzzle(71, n=3, rows=40)
    solution = joint_search(puzzle, JointConfig("descent", rows=None, seed=1))
    shown = "".join(parsed(solution._repr_html_()).itertext())
    assert shown.startswith(f"{solution.status}{solution.message}")
    assert f"to {solution.pipeline.loss:.3g}" in shown


def test_without_an_answer_there_is_the_verdict_alone():
    puzzle = demo_puzzle()
    alike = puzzle.replace(y=np.ones(puzzle.rows), expected_sha256=None)
    solution = solve(alike, Config(budget=5))
    html = solution._repr_html_()
    assert "".join(parsed(html).itertext()).startswith("unidentifiable")
    assert "<svg" not in html
    assert "<details" not in html


def test_names_from_strangers_are_escaped():
    puzzle = demo_puzzle()
    solution = solve(puzzle, Config(budget=1e-9))
    solution.pairing.__dict__["name"] = "<img src=x onerror=alert(1)>&"
    assert "<img src" in solution.message
    assert "<img" not in solution._repr_html_()
    assert "&lt;img src" in solution._repr_html_()


@pytest.mark.parametrize("curve", [[], [(1, 0.5)], [(0, np.inf), (3, 0.1)], [(0, np.nan), (3, 0.0)]], ids=str)
def test_fewer_than_two_points_make_no_curve(curve):
    assert drawn(curve) == ""


def test_a_curve_stays_within_its_frame():
    path = re.search(r'path d="([^"]*)"', drawn([(0, 3.0), (10, 0.5), (10, 0.5), (40, 1e-12)]))
    across = [float(x) for x in re.findall(r"[MH]([\d.]+)", path[1])]
    down = [float(y) for y in re.findall(r"(?:V|M0 )([\d.]+)", path[1])]
    assert across == [0, 120, 120, 480]
    assert down == sorted(down)
    assert (down[0], down[-1]) == (18, 72)
    assert "nan" not in drawn([(0, 0.5), (0, 0.5)])
