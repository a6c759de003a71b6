"""What an entry point of another package may name, and what is said when it is not there."""

from importlib.metadata import EntryPoint

import pytest

from twingap.opt import registry


def entry(value):
    return registry._entry(EntryPoint("theirs", value, registry.GROUP))


def test_an_entry_says_what_it_handles_and_a_function_says_nothing(monkeypatch):
    said = registry.SolverEntry("their.module:solve", "nothing", "group, fail, floor; divisible subchannels")
    monkeypatch.setattr(registry, "THEIRS", said, raising=False)
    assert entry("twingap.opt.registry:THEIRS").handles == said.handles
    assert entry("twingap.opt.registry:THEIRS").origin == "unknown"
    function = entry("twingap.opt.solvers.decomposition:solve")
    assert (function.target, function.handles) == ("twingap.opt.solvers.decomposition:solve", "see its package")


def test_packages_that_are_not_whole():
    assert entry("no_such_package.module:solve").missing == ("no_such_package",)
    assert "no_such" in entry("twingap.opt.registry:no_such").unusable


def test_a_solver_of_ours_is_found_without_asking_others(monkeypatch):
    monkeypatch.setattr(registry, "entry_points", None)
    registry._of_other_packages.cache_clear()
    assert registry.find_solver("decomposition")
    with pytest.raises(TypeError):
        registry.find_solver("theirs")
