"""README and manual say what is: links lead somewhere, commands and options exist, code runs, JSON has the keys."""

import json
import re
import shlex
from pathlib import Path

import pytest
import typer

from jaxsolve.cli.app import app
from jaxsolve.cli.manual import topics
from jaxsolve.puzzle import demo_puzzle
from jaxsolve.search import METHODS
from tests.cli import call
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *(ROOT / "jaxsolve" / "manual" / f"{topic}.md" for topic in ("index", *topics()))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOREIGN = {"--cov", "--help"}
"""Options of other programs that pages name, and that of all commands."""
ids = [page.stem for page in PAGES]


def blocks(page: Path, *languages: str) -> list[str]:
    return [text for language, text in FENCE.findall(page.read_text()) if language in languages]


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_lines_are_short(page):
    assert [line for line in page.read_text().splitlines() if len(line) > 120 and not line.startswith("|")] == []


def test_the_readme_is_read_in_a_few_minutes():
    lines = PAGES[0].read_text().splitlines()
    assert len(lines) <= 130
    assert max(map(len, lines)) <= 120


def test_nothing_is_written_twice():
    """Sentences of more than ten words stand on one page alone; table rows do as well."""
    where: dict[str, str] = {}
    for page in PAGES:
        for sentence in re.split(r"(?<=[.:])\s|\n\n|\n\|", prose(page)):
            words = " ".join(sentence.split())
            if len(words.split()) > 10:
                assert where.setdefault(words, page.stem) == page.stem, words


def every_option(command) -> set[str]:
    found = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    for own in getattr(command, "commands", {}).values():
        found |= every_option(own)
    return found


def root_command():
    return typer.main.get_command(app)


def parse(arguments: list[str]) -> None:
    """Have the command line read its arguments, commands within commands, without running any."""
    command, context = root_command(), None
    while True:
        context = command.make_context(command.name or "jaxsolve", arguments, parent=context)
        rest = [*getattr(context, "_protected_args", []), *context.args]
        if not (hasattr(command, "resolve_command") and rest):
            return
        _, command, arguments = command.resolve_command(context, rest)


def commands(page: Path) -> list[str]:
    found = [line.removeprefix("$ ") for text in blocks(page, "sh", "console") for line in text.splitlines()]
    found += [text for text in re.findall(r"`(jaxsolve [^`]+)`", prose(page)) if not re.search(r"[\[…]|\.\.\.", text)]
    parts = (part.strip() for line in found for part in line.split("&&"))
    return [part for part in parts if part.startswith("jaxsolve ")]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_parse(page):
    for line in commands(page):
        words = shlex.split(line, comments=True)[1:]
        if words not in (["COMMAND", "--help"], ["generate", "--help"]):
            parse(words)


def test_commands_that_do_not_exist_would_be_found():
    for wrong in (["sovle"], ["solve", "--bugdet", "3"], ["runs", "shwo", "last"], ["verify", "demo"]):
        with pytest.raises(Exception, match=r"No such|Missing"):
            parse(wrong)
    assert sum(len(commands(page)) for page in PAGES) > 30


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_options_exist(page):
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", prose(page) + "".join(blocks(page, "sh", "console"))))
    assert named <= every_option(root_command()) | FOREIGN


def test_every_command_and_every_method_is_in_the_manual():
    text = (ROOT / "jaxsolve" / "manual" / "commands.md").read_text()
    for name in root_command().commands:
        assert f"`jaxsolve {name}" in text
    methods = (ROOT / "jaxsolve" / "manual" / "methods.md").read_text()
    for name in METHODS:
        assert f"`{name}`" in methods


PYTHON = [page for page in PAGES if blocks(page, "python")]


@pytest.mark.parametrize("page", PYTHON, ids=[page.stem for page in PYTHON])
def test_code_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "manual"}
    before = dict(METHODS)
    try:
        for text in blocks(page, "python"):
            if "import torch" not in text:
                exec(compile(text, str(page), "exec"), names)
    finally:
        METHODS.clear()
        METHODS.update(before)
    said = capsys.readouterr().out
    assert {
        "README": "Solved: all 2000",
        "python": "[3, 0, 4, 1, 2] True",
        "extending": "Solved: all 2000",
        "units": "solved",
    }[page.stem] in said
    assert "Traceback" not in said


def test_the_search_of_the_manual_goes_on_where_it_was_stopped():
    from jaxsolve import JointConfig, joint_search

    text = next(text for text in blocks(ROOT / "jaxsolve" / "manual" / "extending.md", "python"))
    names: dict[str, object] = {"__name__": "manual"}
    before, kept = dict(METHODS), []
    try:
        exec(compile(text, "extending", "exec"), names)
        wrong = demo_puzzle().replace(y=demo_puzzle().y[::-1].copy())
        config = JointConfig("random_swaps", {"tries": 16, "most": 6}, rows=50)
        whole = joint_search(wrong, config, keep=kept.append)
        again = joint_search(wrong, config, resume=kept[3])
    finally:
        METHODS.clear()
        METHODS.update(before)
    assert whole.status == again.status == "unsolved"
    assert again.pipeline.digest == whole.pipeline.digest
    assert again.certificate.permutation == whole.certificate.permutation


def test_the_net_of_the_readme_is_put_back(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed ('jaxsolve[torch]')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    torch.manual_seed(0)
    (text,) = (text for text in blocks(ROOT / "README.md", "python") if "import torch" in text)
    names: dict[str, object] = {"__name__": "readme"}
    exec(compile(text, "README.md", "exec"), names)
    result = call("solve", "dropped", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["status"] == "solved"
    for piece, layer in zip(found["permutation"], names["layers"], strict=True):
        kept = torch.load(f"dropped/pieces/piece_{piece}.pth")
        assert all(torch.equal(kept[part], tensor) for part, tensor in layer.state_dict().items())


def paths(value: object, at: str = "") -> set[str]:
    """The keys of an object and of those within it, joined by dots; `[]` for the entries of a list."""
    if isinstance(value, dict):
        own = {key: f"{at}.{key}" if at else key for key in value}
        return {*own.values()}.union(*(paths(value[key], own[key]) for key in value))
    if isinstance(value, list):
        return set().union(*(paths(one, f"{at}[]") for one in value))
    return set()


def documented(command: str) -> set[str]:
    """The keys in the table of a command, and in that of answers where it says so."""
    text = (ROOT / "jaxsolve" / "manual" / "json.md").read_text()
    sections = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", text, re.MULTILINE))
    body = sections[command] + (sections["An answer"] if "(#an-answer)" in sections[command] else "")
    cells = re.findall(r"^\|([^|]+)\|", body, re.MULTILINE) or [body.partition(":")[0]]
    return {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


def known(path: str, keys: set[str]) -> bool:
    """Whether a path is among some keys: itself, as an open one, or as what an open one is in."""
    return any(
        key in (path, "*.*")
        or (key.endswith(".*") and (path.startswith(key[:-1]) or path == key[:-2] or path.startswith(f"{key[:-2]}[]")))
        for key in keys
    )


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What every command prints with --json."""
    folder = tmp_path_factory.mktemp("json")
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_DATA_HOME", str(folder / "data"))

    def told(*arguments):
        result = call(*arguments, "--json")
        assert result.exit_code in (0, 1), result.stderr
        return json.loads(result.stdout)

    solved = told("solve", "--out", folder / "run")
    order = ",".join(map(str, solved["permutation"]))
    (folder / "sweep.toml").write_text('method = "beam"\nrows = 50\n[grid]\nwidth = [2, 3]\n')
    tiny = ("--blocks", 2, "--features", 4, "--train-rows", 100, "--table-rows", 50, "--epochs", 0)
    beam = ("--method", "beam", "--set", "width=2", "--rows", 50, "--activation", "relu")
    yield {
        "solve": solved,
        "search": told("search", *beam),
        "verify": told("verify", "demo", order),
        "export": told("export", "demo", order, folder / "net.safetensors"),
        "sweep": told("sweep", "demo", folder / "sweep.toml", "--activation", "relu"),
        "inspect": told("inspect"),
        "pair": told("pair", "--pairing", "trace"),
        "runs": told("runs"),
        "runs show": told("runs", "show", folder / "run"),
        "runs diff": told("runs", "diff", folder / "run", "last"),
        "analyze": told("analyze", "demo", order, "--rows", 100),
        "generate": told("generate", folder / "g", *tiny),
        "profile": told("profile", "--rows", 50, "--batch", 8, "--repeats", 1, "--devices", 1),
        "options": told("options"),
        "version": told("version"),
    }
    patch.undo()


def test_json_has_the_documented_keys_and_no_others(answers):
    for command, found in answers.items():
        keys, real = documented(command), paths(found)
        assert not {path for path in real if not known(path, keys)}, command
        for key in keys - {"*.*"}:
            # what is null or empty of the demo has no keys of its own to be seen
            outer = re.split(r"\[?\]?\.", key)[0]
            assert outer in real, f"{command}: {key}"
            if found[outer] and not key.endswith(".*"):
                assert key in real, f"{command}: {key}"


def test_every_command_with_json_is_documented(answers):
    def listed(command, name=""):
        own = {name} if "--json" in {option for one in command.params for option in one.opts} else set()
        return own.union(
            *(listed(one, f"{name} {key}".strip()) for key, one in getattr(command, "commands", {}).items())
        )

    assert listed(root_command()) - {"runs list"} == set(answers)


def test_what_solve_prints_is_what_the_readme_says(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (shown,) = blocks(ROOT / "README.md", "text")
    told = re.sub(r"solve-demo-[\d-]+", "solve-demo-20261130-093056", call("solve").stdout)
    normal = lambda text: " ".join(
        re.sub(
            r"answer .*?sha256", "answer sha256", re.sub(r"[\d.]+ s\n", "s\n", text.strip()), flags=re.DOTALL
        ).split()
    )
    assert normal(shown) == normal(told)
