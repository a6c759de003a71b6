"""Claims: what is somebody else's in ``claims`` is refused in one line, and never removed."""

import os
from pathlib import Path

import pytest

from twingap.opt.errors import InputError
from twingap.studies.claims import claimed, is_claimed, prepare_claims, tidy_claims

KEY, OTHER = "0123456789abcdef0123", "f" * 20


@pytest.fixture
def cheap(tmp_path, monkeypatch):
    """The configuration file of a study of cheap cells."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    config = tmp_path / "cheap.yaml"
    config.write_text("{cells: 2, seconds: 0}")
    return config


def refused(run, cheap, results):
    code, _, said = run("study", "cheap_study:STUDY", "--config", cheap, "--output", results)
    assert code == 2
    assert said.startswith(f"twingap: {results}/claims")
    assert said.count("\n") == 1
    assert "results directory" in said
    assert [path.name for path in results.iterdir()] == ["claims"]


@pytest.mark.parametrize("foreign", ["thesis.txt", "sub/thesis.txt", f"{KEY}/thesis.txt", "full"])
def test_a_folder_of_somebody_else_is_refused_and_stays_as_it_is(run, tmp_path, cheap, foreign):
    results = tmp_path / "results"
    path = results / "claims" / (KEY if foreign == "full" else foreign)
    path.parent.mkdir(parents=True)
    path.write_text("years of work")
    refused(run, cheap, results)
    assert path.read_text() == "years of work"


def test_a_link_is_refused_whatever_it_leads_to(run, tmp_path, cheap):
    results = tmp_path / "results"
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / KEY).write_text("")
    results.mkdir()
    (results / "claims").symlink_to("../precious")
    refused(run, cheap, results)
    assert (tmp_path / "precious" / KEY).exists()


def test_only_claims_of_the_cells_given_and_hidden_probes_are_tidied(tmp_path):
    prepare_claims(tmp_path)
    folder = tmp_path / "claims"
    kept = (OTHER, ".hidden", "12", ".probe-mine")
    for name in (*kept, KEY, ".probe-" + "0" * 32):
        (folder / name).touch()
    tidy_claims(tmp_path, [KEY])
    assert sorted(path.name for path in folder.iterdir()) == sorted(kept)
    with claimed(tmp_path, KEY) as claim:
        assert claim is not None
        tidy_claims(tmp_path, [KEY])
        assert is_claimed(tmp_path, KEY)
    assert not (folder / KEY).exists()
    assert not is_claimed(tmp_path, KEY)


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "file"])
def test_what_takes_a_claims_place_is_not_removed(tmp_path, kind):
    prepare_claims(tmp_path)
    path, aim = tmp_path / "claims" / KEY, tmp_path / "aim"
    aim.touch()
    make = {"link": lambda: path.symlink_to(aim), "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}
    make.get(kind, lambda: path.write_text("work"))()
    with pytest.raises(InputError, match="no claim"):
        is_claimed(tmp_path, KEY)
    with pytest.raises(InputError, match="no claim"):
        claimed(tmp_path, KEY).__enter__()
    tidy_claims(tmp_path, [KEY])
    assert os.path.lexists(path)
    assert aim.exists()
