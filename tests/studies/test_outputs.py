"""Every command's outputs go through the one writer: a link stays and its target is written, a pipe gets the content or is
refused in one line, and a full disk leaves everything as it was."""

import json
import os
import resource
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from twingap.opt.drawing import draw
from twingap.opt.snapshot_file import save_snapshot

TRAIN = ("train", "mappo", "--preset", "tiny", "--updates", "1", "--looks", "1", "--output")
# By name: the arguments before the file that is written.
COMMANDS = {
    "draw": ("draw", "--preset", "tiny", "--output"),
    "solve": ("solve", "s.json", "--gap", "1e-2", "--output"),
    "certificate": ("solve", "s.json", "--gap", "1e-2", "--certificate"),
    "gms": ("export", "s.json", "--format", "gms", "--output"),
    "nl": ("export", "s.json", "--format", "nl", "--output"),
    "measure": ("measure", "s.json", "--policy", "static_idle:idle", "--sigma", "0", "--output"),
    "train": TRAIN,
}
# Of one run of several files: a pipe cannot have them all.
REFUSED = {"nl": "give a file name", "train": "give a file name"}
IDLE = "from twingap.baselines.nothing import nothing\ndef idle(seen):\n    return nothing(seen.twin)\n"
# Files, in bytes, that a process may write where the disk is "full".
ROOM = 2048


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Working directory with a snapshot ``s.json`` and a policy ``static_idle:idle``."""
    monkeypatch.chdir(tmp_path)
    save_snapshot(draw("tiny", 1), "s.json")
    Path("static_idle.py").write_text(IDLE)
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_a_link_stays_and_what_it_leads_to_is_written(run, place, name):
    if name in ("gms", "nl"):
        pytest.importorskip("pyomo.environ")
    Path("store").mkdir()
    Path("store/target").write_text("old")
    Path("store/target").chmod(0o640)
    Path("link.out").symlink_to("store/target")
    assert run(*COMMANDS[name], "link.out")[0] == 0
    assert Path("link.out").is_symlink()
    assert Path("store/target").read_bytes() != b"old"
    assert stat.S_IMODE(Path("store/target").stat().st_mode) == 0o640
    assert not list(place.rglob("*.part"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_pipe_gets_the_content_or_is_refused_and_stays_a_pipe(run, place, name):
    if name in ("gms", "nl"):
        pytest.importorskip("pyomo.environ")
    os.mkfifo("pipe")
    # Open for both, so that nothing waits for the other end, whatever becomes of the command.
    handle = os.open("pipe", os.O_RDWR)
    read = bytearray()

    def drain():
        while chunk := os.read(handle, 65536):
            read.extend(chunk)
            if chunk.endswith(b"\0end"):
                return

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    before = sorted(place.iterdir())
    code, _, said = run(*COMMANDS[name], "pipe")
    os.write(handle, b"\0end")
    reader.join(60)
    os.close(handle)
    content = bytes(read).removesuffix(b"\0end")
    if name in REFUSED:
        assert (code, said.count("\n")) == (2, 1)
        assert REFUSED[name] in said
        assert content == b""
    else:
        assert code == 0
        assert len(content) > 500
    assert Path("pipe").is_fifo()
    assert [path for path in sorted(place.iterdir()) if path.name != "__pycache__"] == before


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", ["solve", "certificate", "measure"])
def test_a_descriptor_of_the_shell_is_written_to(name):
    """``twingap ... --output /dev/fd/3 3> file``."""
    with Path("file").open("wb") as file:
        code = "import sys; sys.argv[0] = 'twingap'; sys.path.insert(0, '.')\nfrom twingap.studies.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, *COMMANDS[name], f"/dev/fd/{file.fileno()}"],
            pass_fds=[file.fileno()],
            capture_output=True,
            text=True,
        )
    assert (done.returncode, done.stderr) == (0, "")
    content = Path("file").read_text()
    assert content.rstrip().endswith("</html>") if name == "measure" else json.loads(content)


@pytest.fixture
def cheap(place, monkeypatch):
    """Configuration of a study of cheap cells."""
    here = str(Path(__file__).parent)
    monkeypatch.syspath_prepend(here)
    monkeypatch.setenv("PYTHONPATH", here)
    Path("cheap.yaml").write_text("{cells: 4, seconds: 0}")
    return place


def test_a_study_writes_through_links(run, cheap):
    Path("store").mkdir()
    Path("results").mkdir()
    for name in ("values.csv", "report.html", "study.json"):
        (cheap / "store" / name).write_text("old")
        (cheap / "results" / name).symlink_to(cheap / "store" / name)
    assert run("study", "cheap_study:STUDY", "--config", "cheap.yaml", "--output", "results")[0] == 0
    assert run("report", "results")[0] == 0
    for name in ("values.csv", "report.html", "study.json"):
        assert (cheap / "results" / name).is_symlink()
        assert (cheap / "store" / name).read_text() != "old"
    assert not list(cheap.rglob("*.part"))


def limited(arguments, room):
    """The command line in a process whose files cannot grow beyond ``room`` bytes, as on a full disk."""
    code = "import sys; sys.argv[0] = 'twingap'\nfrom twingap.studies.cli import main; main()"
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))  # noqa: E731
    return subprocess.run(
        [sys.executable, "-B", "-c", code, *arguments], preexec_fn=limit, capture_output=True, text=True, check=False
    )


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("before", [False, True])
def test_a_full_disk_leaves_no_tables_without_their_page(run, before):
    """One table is too large: nothing of the report is there, or all of the one before."""
    Path("cheap.yaml").write_text("{cells: 24, seconds: 0}")
    assert run("study", "cheap_study:STUDY", "--config", "cheap.yaml", "--output", "results", "--workers", 2)[0] == 0
    made = [*Path("results").glob("*.csv"), Path("results/report.html"), Path("results/config.yaml")]
    if not before:
        for path in made:
            path.unlink()
    state = {path: path.read_bytes() for path in sorted(Path("results").rglob("*")) if path.is_file()}
    done = limited(["report", "results"], ROOM)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cannot be written" in done.stderr
    assert ".part" not in done.stderr
    assert {path: path.read_bytes() for path in sorted(Path("results").rglob("*")) if path.is_file()} == state
    assert run("report", "results")[0] == 0
    assert all(path.exists() for path in made)
