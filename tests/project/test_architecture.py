"""The house rules that a machine can check."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ["opt", "rl", "baselines", "studies"]
FILES = [p for layer in LAYERS for p in (ROOT / layer).rglob("*.py")]


def imports_of(path):
    """(level-resolved package path, whether torch or plotting) of every import statement."""
    inside = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = inside[: len(inside) - node.level]
            yield ".".join([*base, *(node.module or "").split(".")])
        elif isinstance(node, ast.ImportFrom):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    layer = path.relative_to(ROOT).parts[0]
    later = LAYERS[LAYERS.index(layer) + 1 :]
    for name in imports_of(path):
        first = name.split(".")[0]
        assert first not in later, f"{layer} must not import {name}"
        assert first != "twingap", "use relative imports between our packages"
        assert layer != "opt" or first != "torch", "opt never imports torch"
        in_report = path.is_relative_to(ROOT / "studies" / "report")
        assert first != "matplotlib" or in_report, "plotting only in studies/report"


@pytest.mark.parametrize("path", [p for p in FILES if p.parent.name == "certificate"], ids=lambda p: p.name)
def test_certificates_are_checked_without_solvers(path):
    for name in imports_of(path):
        assert not name.startswith("opt.solvers"), f"a checker must not believe {name}"


# Reading files, the dataclasses that hold what they say, and what a check's outcome and a wrong input look like.
READING = {"certificate.proof", "errors", "snapshot", "verify"}


@pytest.mark.parametrize("path", sorted((ROOT / "opt" / "rigorous").glob("*.py")), ids=lambda p: p.name)
def test_the_rigorous_checker_shares_nothing_with_what_it_checks(path):
    for name in imports_of(path):
        layer, _, inside = name.partition(".")
        if layer == "opt":
            assert inside in READING | {"solution_file"} or inside.startswith("rigorous."), f"{name} is not file reading"
        else:
            assert layer == "flint" or layer in sys.stdlib_module_names, f"{name} is no part of a small program of its own"


def test_packages_listed_for_the_wheel_are_those_of_the_tree():
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {"twingap"} | {
        "twingap." + ".".join(p.parent.relative_to(ROOT).parts) for layer in LAYERS for p in (ROOT / layer).rglob("__init__.py")
    }
    assert listed == found


def test_public_names_resolve():
    import twingap

    for name in twingap.__all__:
        assert getattr(twingap, name) is not None


def test_solving_never_imports_torch():
    code = "import sys, twingap; twingap.solve, twingap.evaluate, twingap.draw; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_the_wheel_works_outside_the_repository(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    wheel = next(tmp_path.glob("*.whl"))
    # -S -E would lose the dependencies; the wheel goes first on the path and must win over the editable install.
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); import twingap.opt.snapshot as s, twingap; print(s.__file__)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    assert str(wheel) in shown
