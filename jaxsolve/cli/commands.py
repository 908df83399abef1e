"""Host: commands and groups of them, as they show their help: plain text, in sections, no word of it cut or lost."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

PRINTED = "What is kept and printed"
"""Heading of the options that all commands have."""
WIDEST = 120
"""Columns that lines of help take at most."""
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": WIDEST}
"""What all commands are given."""


HYPHEN = "\u2011"
"""A hyphen behind which no line is broken."""


def _unbroken(text: str | None) -> str | None:
    """Return text of which no word is broken."""
    return text and text.replace("-", HYPHEN)


class Command(TyperCommand):
    """A command whose options stand under the headings that they were given as panels."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help, self.epilog = _unbroken(self.help), _unbroken(self.epilog)

    def get_help(self, ctx: Any) -> str:
        """Return the help."""
        return super().get_help(ctx).replace(HYPHEN, "-")

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the name of the command, in brackets what may be left out."""
        given = [one for one in self.get_params(ctx) if one.param_type_name == "argument"]
        names = [(str(getattr(one, "metavar", None) or one.name).strip("[]"), one.required) for one in given]
        return ["[OPTIONS]", *(name if required else f"[{name}]" for name, required in names)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, section by section."""
        _write_options(self, ctx, formatter)


class Group(TyperGroup):
    """A group of commands, each with the first sentence of its help."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help, self.epilog = _unbroken(self.help), _unbroken(self.epilog)

    def get_help(self, ctx: Any) -> str:
        """Return the help."""
        return super().get_help(ctx).replace(HYPHEN, "-")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write options, section by section, and the commands."""
        _write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, _first_sentence(one.help or "")) for name, one in commands if one is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _write_options(command: Any, ctx: Any, formatter: Any) -> None:
    sections: dict[str, list[tuple[str, str]]] = {}
    last: list[tuple[str, str]] = []
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        record = record[0], _unbroken(record[1]) or ""
        if "--help" in parameter.opts:
            last.append(record)
            continue
        usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
        heading = getattr(parameter, "rich_help_panel", None) or usual
        sections.setdefault(heading, []).append(record)
    sections.setdefault(PRINTED if PRINTED in sections else "Options", []).extend(last)
    for heading, records in sections.items():
        with formatter.section(heading):
            formatter.write_dl(records)


def _first_sentence(text: str) -> str:
    """Return the first sentence of a text, or its first paragraph."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    head, dot, _ = paragraph.partition(". ")
    return f"{head}{dot.strip()}"
