"""Machine code on disk: saving is a courtesy, and nothing is read that somebody else could have written."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from twingap.opt import kernel_places
from twingap.opt.compiled import kernel_sources
from twingap.opt.kernel_places import Place

# A kernel that compiles in no time. It prints its answer, then whether the answer came from the disk.
KERNEL = """
from twingap.opt.compiled import compiled

@compiled
def next_to(x):
    return x + 1

print(next_to(41), "read" if next_to.stats.cache_hits else "compiled")
"""
NOT_KEPT = "compiled code is not kept"


@pytest.fixture
def said(tmp_path):
    """Runs the kernel in a process of its own; (what it printed, what it complained about)."""
    program = tmp_path / "kernel.py"
    program.write_text(KERNEL)

    def run(cache, before="", source=program):
        code = f"{before}\nimport runpy; runpy.run_path({str(source)!r})"
        env = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
        return done.stdout.strip(), done.stderr

    return run


def own(cache):
    """The user's own folder in a cache folder, and the folder of these sources in it."""
    (folder,) = cache.iterdir()
    (kernels,) = folder.iterdir()
    return folder, kernels


def test_numba_cache_dir_is_respected(said, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o777)
    # A group that may write would own what we run.
    assert said(cache, "import os; os.umask(0o002)") == ("42 compiled", "")
    assert said(cache) == ("42 read", "")
    folder, kernels = own(cache)
    assert folder.name == f"twingap-{os.geteuid()}"
    assert {path.stat().st_mode & 0o777 for path in (folder, kernels)} == {0o700}
    assert not any(path.stat().st_mode & 0o022 for path in cache.rglob("*"))


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"


@pytest.mark.parametrize(
    ("cache", "before", "why"),
    [
        ("file", "", "Not a directory"),
        ("missing/folder", "", "No such file or directory"),
        ("folder", FULL, "File too large"),
        ("link", "", "is no folder, or a link"),
        ("open", "", "can be written by other users"),
    ],
)
def test_what_cannot_be_saved_is_one_line_and_the_answer_comes(said, tmp_path, cache, before, why):
    mine = f"twingap-{os.geteuid()}"
    (tmp_path / "file").touch()
    (tmp_path / "elsewhere").mkdir()
    for name in ("folder", "link", "open"):
        (tmp_path / name).mkdir()
    (tmp_path / "link" / mine).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "open" / mine).mkdir()
    (tmp_path / "open" / mine).chmod(0o777)
    out, err = said(tmp_path / cache, before)
    assert out == "42 compiled"
    assert err.count("\n") == 1
    assert NOT_KEPT in err
    assert why in err
    assert not any(path.is_file() for name in ("folder", "elsewhere", "open") for path in (tmp_path / name).rglob("*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_folder_of_another_user_is_not_used(said, tmp_path):
    assert said(tmp_path)[0] == "42 compiled"
    os.chown(next(tmp_path.glob("twingap-*")), 65534, 65534)
    out, err = said(tmp_path)
    assert out == "42 compiled"
    assert "belongs to another user" in err


def test_nothing_is_read_that_others_could_have_written(said, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    said(cache)
    assert said(cache)[0] == "42 read"
    _, kernels = own(cache)
    kernels.chmod(0o770)
    assert said(cache)[0] == "42 compiled"
    kernels.chmod(0o700)
    assert said(cache)[0] == "42 read"


@pytest.mark.parametrize("damage", [b"", b"\x80", b"no pickle at all"])
def test_what_cannot_be_read_is_compiled(said, tmp_path, damage):
    cache = tmp_path / "cache"
    cache.mkdir()
    said(cache)
    for path in cache.rglob("*.nb?"):
        path.write_bytes(damage)
    assert said(cache)[0] == "42 compiled"


def test_sources_that_changed_meanwhile_leave_nothing_behind(said, tmp_path):
    """Else old code would be filed under the name of the new."""
    cache = tmp_path / "cache"
    cache.mkdir()
    changed = "from twingap.opt import compiled; compiled.kernel_sources = lambda: 'others'"
    assert said(cache, changed) == ("42 compiled", "")
    assert not list(cache.rglob("*.nb?"))
    assert said(cache)[0] == "42 compiled"


def test_the_folder_is_another_when_a_kernel_or_a_constant_in_it_changes(tmp_path):
    """Machine code holds the values of constants, wherever they are written; stale code would prove bounds with the old."""
    (tmp_path / "opt" / "part").mkdir(parents=True)
    sources = {
        "opt/part/kernel.py": "from ..values import (\n    LEAF,\n    names,\n)\n@compiled\ndef f(x): return x + LEAF\n",
        "opt/values.py": "from .part.origin import LEAF\n",
        "opt/part/origin.py": "LEAF = 1\n",
        "opt/other.py": "from .values import names\n",
    }
    for path, content in sources.items():
        (tmp_path / path).write_text(content)
    before = kernel_sources(tmp_path)
    for path, content in sources.items():
        (tmp_path / path).write_text(content + "# changed\n")
        assert (kernel_sources(tmp_path) != before) == (path != "opt/other.py"), path
        (tmp_path / path).write_text(content)
        assert kernel_sources(tmp_path) == before


def test_a_folder_beside_the_package_is_read_where_it_cannot_be_written(said, tmp_path):
    cache, empty = tmp_path / "cache", tmp_path / "empty"
    cache.mkdir()
    empty.mkdir()
    said(cache)
    _, kernels = own(cache)
    # Beside the package, in the place of what root has installed.
    beside = (
        "from twingap.opt import kernel_places as p; from pathlib import Path\n"
        f"p._beside = lambda name: p.Place(Path({str(kernels)!r}), p.SHARED, frozenset({{{os.geteuid()}}}))\n"
    )
    kernels.chmod(0o500)
    try:
        assert said(empty, beside) == ("42 read", "")
    finally:
        kernels.chmod(0o700)
    assert not list(empty.iterdir())


def test_beside_the_package_its_owner_and_root_are_believed_and_nobody_else(tmp_path):
    beside = kernel_places._beside("kernels-0")
    assert beside.folder.parent == Path(kernel_places.__file__).parent / "__pycache__"
    assert beside.believed == {0, os.geteuid(), Path(kernel_places.__file__).stat().st_uid}
    for place in kernel_places.places_to_save("kernels-0", "")[1:]:
        assert place.believed == {os.geteuid()}
        assert place.mode == 0o700
    here = Place(tmp_path, 0o700, frozenset({os.geteuid()}))
    assert here.refused == ""
    assert "another user" in replace(here, believed=frozenset({os.geteuid() + 1})).refused


def test_long_compiling_is_said_once(said, tmp_path):
    patience = "import twingap.opt.kernel_cache as k; k.LONG = -1.0"
    out, err = said(tmp_path, patience)
    assert out == "42 compiled"
    assert err.count("\n") == 1
    assert "compiling" in err
    assert said(tmp_path, patience) == ("42 read", "")
