"""Fixtures of the tests of studies and of the command line."""

import sys

import pytest

from twingap.studies.cli import main


@pytest.fixture
def run(capsys, monkeypatch):
    """run(arguments...) -> (exit code, stdout, stderr) of the command line, in process."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["twingap", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return call
