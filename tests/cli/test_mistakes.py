"""Mistakes, one after the other, in every command: each is one line that names the thing, and exit code 2."""

import shutil

import pytest

from jaxsolve.cli import terminal
from jaxsolve.cli.app import run
from jaxsolve.puzzle import write_puzzle
from tests import reference


def table_with(change):
    return lambda text: "\n".join(change(text.splitlines()))


TABLES = {
    "nan": table_with(lambda lines: [*lines[:3], "nan" + lines[3][lines[3].index(",") :], *lines[4:]]),
    "inf": table_with(lambda lines: [*lines[:3], "-inf" + lines[3][lines[3].index(",") :], *lines[4:]]),
    "word": table_with(lambda lines: [*lines[:3], "word" + lines[3][lines[3].index(",") :], *lines[4:]]),
    "short": table_with(lambda lines: [*lines, "1,2"]),
    "headless": table_with(lambda lines: [lines[0].replace("pred", "answer"), *lines[1:]]),
    "rowless": table_with(lambda lines: lines[:1]),
    "blank": lambda text: "",
}
SWEEPS = {
    "grid": "[grid]\nwidth = [1, 2]",
    "broken": "method =",
    "foreign": "colour = 1",
    "number": "method = 3",
    "nothing": "[grid]\nwidth = []",
    "half": "seed = 1.5",
    "letter": '[options]\nwidth = "a"',
    "deep": "[grid.beam.x]\ny = [1]",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a puzzle, and with much that is none."""
    folder = tmp_path_factory.mktemp("mistakes")
    puzzle, answer = reference.random_puzzle(1, n=3, rows=40)
    write_puzzle(puzzle, folder / "ok")
    (folder / "empty").mkdir()
    (folder / "text").write_text("hello")
    (folder / "text.safetensors").write_text("hello")
    (folder / "answer").write_text(",".join(map(str, puzzle.permutation(answer))))
    (folder / "letters").write_text("1,2,x")
    for name, text in SWEEPS.items():
        (folder / f"{name}.toml").write_text(text)
    (folder / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    for name, change in TABLES.items():
        shutil.copytree(folder / "ok", folder / name)
        path = folder / name / "historical_data.csv"
        path.write_text(change(path.read_text()))
    shutil.copytree(folder / "ok", folder / "damaged")
    next((folder / "damaged" / "pieces").iterdir()).write_text("garbage")
    shutil.copytree(folder / "ok", folder / "endless")
    (folder / "endless" / "pieces" / f"piece_{puzzle.last_id}.pth").unlink()
    shutil.copytree(folder / "ok" / "pieces", folder / "tableless" / "pieces")
    shutil.copytree(folder / "ok", folder / "pieceless", ignore=shutil.ignore_patterns("pieces"))
    return folder


PUZZLES = {
    "missing": "missing: no such file or folder; point jaxsolve at the folder or zip",
    "empty": "empty: holds neither pieces/ nor historical_data.csv",
    "text": "text: neither a folder nor a zip file",
    "nan": "historical_data.csv: data row 3, column 'measurement_0': nan; expected a finite number",
    "inf": "historical_data.csv: data row 3, column 'measurement_0': -inf; expected a finite number",
    "word": "historical_data.csv: data row 3, column 'measurement_0': 'word'; expected a number",
    "short": "historical_data.csv: data row 41, column 'measurement_2': an empty cell",
    "headless": "historical_data.csv: no column 'pred'",
    "rowless": "historical_data.csv: a header but no rows",
    "blank": "historical_data.csv: empty file",
    "damaged": "not a readable .pth file",
    "endless": "no readout among the pieces",
    "tableless": "no historical_data.csv beside the pieces",
    "pieceless": "no pieces found; expected pieces/piece_K.pth",
}
COMMANDS = {
    "solve": ["solve", "{}", "--budget", "1"],
    "search": ["search", "{}", "--budget", "1"],
    "sweep": ["sweep", "{}", "grid.toml"],
    "inspect": ["inspect", "{}"],
    "pair": ["pair", "{}"],
    "verify": ["verify", "{}", "answer"],
    "export": ["export", "{}", "answer", "made.safetensors"],
    "analyze": ["analyze", "{}"],
    "profile": ["profile", "{}"],
}


@pytest.fixture(autouse=True)
def there(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("XDG_DATA_HOME", str(place / "data"))
    monkeypatch.setattr(terminal, "keep_stdout_clean", lambda: None)  # which a process can do but once


def the_line(arguments, capsys) -> str:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == ""
    assert line.startswith("jaxsolve: error: ")
    return line


@pytest.mark.parametrize(
    ("command", "name"), [("inspect", name) for name in PUZZLES] + [(c, "empty") for c in COMMANDS]
)
def test_a_puzzle_that_is_none(command, name, capsys):
    assert PUZZLES[name] in the_line([part.format(name) for part in COMMANDS[command]], capsys)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("solve", "an empty name for the puzzle"),
        ("solve ok extra", "'extra' is one argument too many; see 'jaxsolve solve --help'"),
        ("solve ok --rows x", "--rows is 'x'; expected a whole number; see"),
        ("solve ok --budget 0", "budget is 0.0; expected more than 0 seconds"),
        ("solve ok --budget nan", "budget is nan"),
        ("solve ok --seed -1", "seed is -1"),
        ("solve ok --devices 0", "devices is 0; there are"),
        ("solve ok --memory 0", "--memory is '0'; expected a size such as 4GiB"),
        ("solve ok --memory -1", "--memory is '-1'"),
        ("solve ok --out text", "text: cannot be a folder for --out"),
        ("solve ok --out text/x", "text/x: cannot be a folder for --out"),
        (
            "solve ok --out ok/pieces",
            "ok/pieces: this is among the files of the puzzle; choose another place for --out",
        ),
        ("solve ok --process-id 0", "--coordinator, --processes and --process-id belong together"),
        ("solve ok --coordinator here --processes 1 --process-id 0", "--coordinator is 'here'; expected HOST:PORT"),
        (
            "solve ok --coordinator h:99999 --processes 1 --process-id 0",
            "--coordinator is 'h:99999'; expected HOST:PORT",
        ),
        ("solve ok --coordinator a.invalid:9 --processes 2 --process-id 1", "no machine is known as a.invalid"),
        ("solve ok --coordinator h:1 --processes 0 --process-id 0", "--processes is 0"),
        ("search ok --method beam,,beam", "no method ''"),
        ("search ok --method annealing --set chunk=0", "chunk is 0; expected at least 1"),
        ("search ok --method annealing --set hot=inf", "hot is inf; expected a finite number"),
        ("search ok --method annealing --set hot=0", "expected 0 < cold <= hot"),
        ("search ok --budget nan", "--budget is nan"),
        ("search ok --start letters", "letters: no answer in it"),
        ("search ok --start 1,2,99999999999999999999", "no list of piece ids"),
        ("search ok --resume empty", "empty: nothing to resume from"),
        ("search ok --out ok/pieces/x", "ok/pieces/x: this is among the files of the puzzle"),
        ("search ok --method annealing --set chains=99999999999 --activation relu", "fit into memory: take fewer rows"),
        ("sweep ok", "missing CONFIG.toml: TOML file with settings and lists of settings; see 'jaxsolve sweep --help'"),
        ("sweep ok missing.toml", "missing.toml: no readable TOML (No such file"),
        ("sweep ok broken.toml", "broken.toml: no readable TOML (Invalid value"),
        ("sweep ok bytes.toml", "bytes.toml: no readable TOML"),
        ("sweep ok foreign.toml", "foreign.toml: no setting 'colour'; there are exact, method"),
        ("sweep ok number.toml", "number.toml: method is 3; expected names of methods"),
        ("sweep ok nothing.toml", "nothing.toml: the grid has 0 combinations"),
        ("sweep ok half.toml", "half.toml: seed is 1.5"),
        ("sweep ok letter.toml", "letter.toml: width is 'a'; expected a number"),
        ("sweep ok deep.toml", "deep.toml: relaxation and reannealing have no option 'beam.x.y'"),
        ("sweep ok grid.toml --best 0", "--best is 0; expected at least 1"),
        ("sweep ok grid.toml --budget -1", "--budget is -1.0; expected more than 0 seconds"),
        ("sweep ok grid.toml --out ok/pieces", "ok/pieces: this is among the files of the puzzle"),
        ("pair ok --pairing none", "--pairing none finds pairs together with the order, which solve does"),
        ("verify ok empty", "empty: no readable answer (Is a directory)"),
        ("verify ok", "an empty answer; expected a file or piece ids"),
        ("verify ok 1,1", "names piece 1 more than once"),
        ("verify ok answer --sha256 1", "--sha256: '1' is no SHA-256"),
        ("export ok answer text.safetensors", "text.safetensors: exists already and is not overwritten"),
        (
            "export ok answer text",
            "text: networks are written as safetensors; expected a name that ends in .safetensors",
        ),
        ("export ok answer text/x", "text: cannot be a folder for OUT.safetensors"),
        ("export ok answer ok/net.safetensors", "ok/net.safetensors: this is among the files of the puzzle"),
        ("export ok answer ok/pieces/net", "ok/pieces/net: this is among the files of the puzzle"),
        ("analyze ok letters", "letters: no answer in it"),
        ("analyze ok --measure luck", "no measurement 'luck'"),
        ("analyze ok --rows 0", "rows is 0"),
        ("analyze ok --figures text", "text: cannot be a folder for --figures"),
        ("generate", "OUT is missing; say once where to write"),
        ("generate text", "text: cannot be a folder for OUT"),
        ("generate new --hidden 4 --widths 3,5", "--hidden is 4 beside --widths"),
        ("generate new --data empty", "--data: no kind and no CSV file 'empty'"),
        ("generate new --data nan/historical_data.csv", "data row 3, column 'measurement_0': nan"),
        ("generate new --blocks 1000000000", "--blocks is 1000000000; expected 1 to 100000"),
        ("generate new --learning-rate nan", "--learning-rate is nan"),
        ("profile ok --batch 0", "a batch is 0; expected at least 1"),
        ("profile ok --screen luck", "no neighbourhood 'luck'"),
        ("profile ok --precision luck", "no precision 'luck'"),
        ("profile ok --trace text", "text: cannot be a folder for --trace"),
        ("report", "missing RUN...: a run: its name"),
        ("report luck", "no run 'luck'"),
        ("report empty", "no run 'empty'"),
        ("report text", "text: this record cannot be read"),
        ("runs show luck", "no run 'luck'"),
        ("runs --in missing", "missing: no folder of runs"),
        ("runs --last 0", "--last is '0'; expected at least 1"),
        ("runs luck", "no command 'luck'; see 'jaxsolve runs --help'"),
        ("luck", "no command 'luck'; see 'jaxsolve --help'"),
        ("--luck", "no option '--luck'; see 'jaxsolve --help'"),
        ("solve ok --outt x", "no option '--outt'; did you mean '--out'?"),
    ],
)
def test_what_cannot_be(arguments, why, capsys):
    words = arguments.split()
    empty = [""] if why.startswith("an empty") else []
    assert why in the_line(words + empty, capsys)


def test_an_empty_folder_has_no_runs_which_is_no_mistake(capsys):
    assert run(["runs", "--in", "empty"]) == 0
    assert capsys.readouterr().err == "jaxsolve: no runs in empty yet\n"


def test_a_folder_of_ones_own_may_lie_in_the_puzzles(place):
    puzzle = place / "ok"
    shutil.copytree(puzzle, place / "own")
    assert run(["search", "own", "--set", "width=1", "--activation", "relu", "--out", "own/run"]) in (0, 1)
    assert run(["inspect", "own"]) == 0
