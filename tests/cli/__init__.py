"""The command line, called as its users call it."""

from typer.testing import CliRunner

from jaxsolve.cli.app import app


def call(*arguments):
    """What a command ends in, with what it prints."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])
