"""The runs of a sweep, as a file describes them; mistakes and hostile files are refused in one line."""

import pytest

from jaxsolve.errors import UsageError
from jaxsolve.experiment.plan import read_plan

GRID = """
method = "beam"
rows = 12
[options]
noise = 0.1
[grid]
seed = [0, 1]
width = [1, 2]
"""


def described(tmp_path, text=GRID):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    return read_plan(path)


def test_every_combination_is_a_run_of_its_own(tmp_path):
    runs = described(tmp_path).runs
    assert [setting for setting, _ in runs] == [{"seed": seed, "width": width} for seed in (0, 1) for width in (1, 2)]
    for setting, config in runs:
        assert (config.seed, config.rows, config.method) == (setting["seed"], 12, "beam")
        assert config.options == {"noise": 0.1, "width": setting["width"]}


def test_a_grid_may_be_of_methods_and_of_one_stage_and_settings_without_a_list(tmp_path):
    runs = described(
        tmp_path, 'seed = 3\n[grid]\nmethod = ["beam,descent", "beam"]\nrows = 5\n[grid.beam]\nwidth = [1, 2]\n'
    ).runs
    assert [(c.method, c.rows, c.seed, dict(c.options)) for _, c in runs] == [
        (method, 5, 3, {"beam.width": width}) for method in ("beam,descent", "beam") for width in (1, 2)
    ]


def test_without_a_grid_there_is_one_run(tmp_path):
    ((setting, config),) = described(tmp_path, 'method = "annealing"').runs
    assert (setting, config.method) == ({}, "annealing")


def test_the_best_answers_are_gone_on_from_with_settings_of_their_own(tmp_path):
    plan = described(tmp_path, GRID + '[then]\nbest = 3\nmethod = "annealing"\n[then.grid]\nsteps = [10, 20]')
    assert plan.best == 3
    assert [(setting, config.method, config.rows) for setting, config in plan.then] == [
        ({"steps": 10}, "annealing", 1000), ({"steps": 20}, "annealing", 1000),
    ]  # fmt: skip
    assert len(plan.runs) == 4
    assert described(tmp_path, '[then]\nmethod = "annealing"').best == 5
    assert described(tmp_path).best == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("method = ", "no readable TOML"),
        (
            "method = 'beam'\nwidth = 3",
            "no setting 'width'; there are exact, method, pairing, prior, rows, seed, sha256, spare, tolerance",
        ),
        ("[options]\nnonsense = 1", "relaxation and reannealing have no option 'nonsense'"),
        ("[grid]\nnonsense = [1]", "relaxation and reannealing have no option 'nonsense'"),
        ("[grid]\nwidth = []", "the grid has 0 combinations"),
        ("[grid]\nmethod = ['beam', 'nonsense']", "no method 'nonsense'"),
        ("grid = 3", "grid and options are tables"),
        ("[grid]\nwidth = ['wide']", "width is 'wide'; expected a number"),
        ("[grid]\nwidth = [[1, 2]]", "width is [1, 2]; expected a number"),
        ("method = 3", "method is 3; expected names of methods"),
        ("seed = 'one'", "seed is 'one'; expected a whole number"),
        ("rows = 2.5", "rows is 2.5; expected a whole number"),
        ("rows = 'all'", "rows is 'all'; expected a whole number"),
        ("pairing = 'nonsense'", "no pairing 'nonsense'"),
        ("pairing = 3", "pairing"),
        ("seed = 1.5", "seed is 1.5"),
        ("then = 3", "[then]: expected a table"),
        ("[then]\nbest = 0", "[then]: best is 0; expected a whole number, at least 1"),
        ("[then]\nbest = true", "best is True"),
        ("[then]\nwidth = 3", "[then]: no setting 'width'"),
        ("[then]\nmethod = 'beam'\n[then.options]\nnonsense = 1", "[then]: beam has no option 'nonsense'"),
        (f"[then]\nbest = 5000\n[then.grid]\nseed = {list(range(40))}", "40 combinations; expected 1 to 20"),
        ("sha256 = 3", "a setting has a value of the wrong kind"),
        (f"[grid]\nseed = {list(range(400))}\nrows = {list(range(1, 400))}", "the grid has 159600 combinations"),
    ],
    ids=str,
)
def test_mistakes_in_a_file_are_said_in_one_line(tmp_path, text, why):
    with pytest.raises(UsageError) as error:
        described(tmp_path, text)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"missing.toml: no readable TOML \(No such file or directory\)"):
        read_plan(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    "text",
    ["a" + ".a" * 3000 + " = 1", "[grid]\na" + ".a" * 3000 + " = 1", "rows = " + "9" * 5000, "a" + ".a" * 40_000 + " = 1", f"rows = 0x{'f' * 5000}", "method = [" + "[" * 3000,
     "rows = nan", "seed = 1979-05-27", "method = {a = 1}", "options = 3", "[options]\nwidth = [[1]]", "pairing = []"],
)  # fmt: skip
def test_hostile_descriptions_are_refused_in_one_line(tmp_path, text):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(UsageError) as error:
        read_plan(tmp_path / "x.toml")
    assert str(error.value).isprintable()
