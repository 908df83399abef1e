"""What all tests of commands have in common: runs are kept in a folder of the test's own."""

import pytest


@pytest.fixture(autouse=True)
def data_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def wide(monkeypatch):
    """A terminal in which no line is broken."""
    monkeypatch.setenv("COLUMNS", "1000")
