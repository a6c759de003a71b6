"""The documentation does not rot: its Python runs and prints what it says, its commands exist, its pages build without warning.

A page's Python blocks run in order in one namespace, in which ``twingap`` is imported. In front of a block a comment that
readers do not see may hold Python to run first; there ``small = {"epochs=200": "epochs=10"}`` names what is replaced in the
block. The block after ``<!-- prints -->`` is what the last Python block prints.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from twingap.studies.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>run\n(?P<first>.*?)|prints )-->\n\n?)?^```(?P<language>\S*)\n(?P<code>.*?)^```$", re.M | re.S
)
INDENTED = re.compile(r"(?:^(?: {4}|\t).*\n)+", re.M)
INLINE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Printed:
    """line: where the block starts in the page; said: what it printed; shown: what the page says that it prints, if it does."""

    line: int
    said: str
    shown: str | None


def run_page(text):
    """Run the Python of a page; everything that it printed."""
    namespace = {}
    exec("import twingap", namespace)
    printed = []
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start("code")) + 1
        if block["language"] == "python":
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                exec(compile(block["first"] or "", f"before line {line}", "exec"), namespace)
                code = block["code"]
                for long, short in namespace.pop("small", {}).items():
                    assert long in code, f"line {line}: {long} is not in the block"
                    code = code.replace(long, short)
                exec(compile("\n" * (line - 1) + code, "page", "exec"), namespace)
            printed.append(Printed(line, said.getvalue(), None))
        elif block["mark"] == "prints ":
            printed[-1] = Printed(printed[-1].line, printed[-1].said, block["code"])
    return printed


def commands(text):
    """(command, its options) of every ``twingap ...`` in a code block or inline code."""
    codes = [block["code"] for block in BLOCK.finditer(text) if block["language"] in ("", "console", "bash", "sh")]
    rest = BLOCK.sub("", text)
    codes += [match[0] for match in INDENTED.finditer(rest)] + INLINE.findall(rest.replace("\n", " "))
    found = []
    for code in codes:
        for line in code.replace("\\\n", " ").splitlines():
            calls = re.finditer(r"(?:^|[;$]|\s{3,})\s*twingap ([a-z][\w-]*)(.*?)(?=;|\s{3,}twingap|#|$)", line)
            found.extend((call[1], re.findall(r"(?<!\S)--[a-z-]+", call[2])) for call in calls)
    return found


@pytest.fixture(params=PAGES, ids=lambda path: path.stem)
def page(request):
    return request.param.read_text()


@pytest.mark.slow
def test_python_runs_and_prints_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for printed in run_page(page):
        if printed.shown is not None:
            said, shown = printed.said.split(), printed.shown.split()
            assert len(said) == len(shown), f"line {printed.line} printed\n{printed.said}"
            for one, other in zip(said, shown, strict=True):
                assert alike(one, other), f"line {printed.line} printed\n{printed.said}"


def alike(one, other):
    """The same words, or numbers that differ by no more than their last digit (another processor rounds differently)."""
    if one == other:
        return True
    try:
        value, expected = float(one.strip("(),:")), float(other.strip("(),:"))
    except ValueError:
        return False
    digits = len(other.strip("(),:").partition(".")[2])
    return abs(value - expected) <= 1.01 * 10.0**-digits


def test_commands_and_their_options_exist(page):
    known = typer.main.get_command(app).commands
    for name, options in commands(page):
        assert name in known, f"twingap {name}"
        there = {option for parameter in known[name].params for option in parameter.opts} | {"--help"}
        assert set(options) <= there, f"twingap {name} {set(options) - there}"


def test_commands_are_found():
    block = "```\n$ twingap solve s.json \\\n  --gap 1   twingap solvers\n```"
    text = f"`twingap tune x --space`\n\n{block}\n\n    twingap no --where\n"
    assert commands(text) == [("solve", ["--gap"]), ("solvers", []), ("no", ["--where"]), ("tune", ["--space"])]


def test_what_a_page_prints_is_compared():
    page = (
        "<!-- run\nsmall = {'9': '1'}\n-->\n```python\nprint(9)\n```\n\n<!-- prints -->\n```\n2\n```\n\n```python\nx = 1\n```\n"
    )
    (first, second) = run_page(page)
    assert (first.said, first.shown, second.said, second.shown) == ("1\n", "2\n", "", None)
    assert alike("0.1234", "0.1235")
    assert not alike("0.1234", "0.1236")
    assert not alike("optimal", "feasible")


@pytest.mark.slow
def test_pages_build_and_every_link_leads_somewhere(tmp_path):
    done = build(ROOT / "docs", tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert "certified" in (tmp_path / "site" / "index.html").read_text()
    assert re.search(r"twingap\.</span>.*measure_gap", (tmp_path / "site" / "api.html").read_text())


@pytest.mark.slow
def test_a_broken_link_is_an_error(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "conf.py").write_text((ROOT / "docs" / "conf.py").read_text())
    (tmp_path / "docs" / "index.md").write_text("# Page\n\n[nothing](nowhere.md)\n")
    done = build(tmp_path / "docs", tmp_path / "site")
    assert done.returncode != 0
    assert "nowhere.md" in done.stderr


def build(source, target):
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "-b", "html", source, target]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"})
