"""The one writer: links are followed, what is no file is never replaced, and several files appear together or not at all."""

import os
import socket
import stat
import subprocess
import sys
import threading

import pytest

from twingap.opt.errors import InputError
from twingap.opt.files import is_stream, write_atomically, written_together


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_all(folder, names, ends=None):
    with written_together(folder) as beside:
        for name in names:
            write_atomically(beside / name, "new")
        if ends is not None:
            raise ends


def test_links_stay_and_what_they_lead_to_is_written(tmp_path):
    (tmp_path / "store").mkdir()
    old = tmp_path / "store" / "old.txt"
    old.write_text("old")
    old.chmod(0o640)
    (tmp_path / "one").symlink_to("store/old.txt")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    (tmp_path / "fresh").symlink_to("store/fresh.txt")
    for name in ("two", "fresh"):
        write_atomically(tmp_path / name, name)
        assert (tmp_path / name).is_symlink()
    assert old.read_text() == "two"
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert (tmp_path / "store" / "fresh.txt").read_text() == "fresh"
    assert names(tmp_path / "store") == ["fresh.txt", "old.txt"]
    assert names(tmp_path) == ["fresh", "one", "store", "two"]


def test_a_new_file_gets_the_mode_that_the_mask_leaves(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "new", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_replaced_file_is_a_new_one_and_the_old_one_stays_whole_for_who_reads_it(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with path.open() as reader:
        write_atomically(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to everything")
def test_a_write_protected_file_stays(tmp_path):
    path = tmp_path / "kept"
    path.write_text("kept")
    path.chmod(0o444)
    with pytest.raises(InputError, match="write-protected"):
        write_atomically(path, "new")
    assert path.read_text() == "kept"


def test_a_pipe_gets_the_content_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_atomically(pipe, "x" * 200_000)
    reader.join(60)
    assert read == [b"x" * 200_000]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ["pipe"]


@pytest.mark.parametrize("link", [False, True])
def test_a_device_is_written_to_and_never_replaced(tmp_path, link):
    """A node of the same kind as /dev/null, or a link to that: nothing of the machine is at risk."""
    device = tmp_path / "device"
    if link:
        device.symlink_to(os.devnull)
    else:
        try:
            os.mknod(device, stat.S_IFCHR | 0o666, os.stat(os.devnull).st_rdev)
            write_atomically(device, "x")
        except (PermissionError, InputError):
            pytest.skip("no devices here")
    write_atomically(device, "x")
    assert stat.S_ISCHR(device.stat().st_mode)
    assert is_stream(device)
    assert names(tmp_path) == ["device"]


def test_what_cannot_be_written_to_is_refused_and_stays(tmp_path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        (tmp_path / "folder").mkdir()
        (tmp_path / "loop").symlink_to("loop")
        for name, why in (("socket", "cannot be written"), ("folder", "is a directory"), ("loop", "symbolic links")):
            with pytest.raises(InputError, match=why) as refused:
                write_atomically(tmp_path / name, "x")
            assert refused.value.source == str(tmp_path / name)
        assert stat.S_ISSOCK((tmp_path / "socket").stat().st_mode)
    with pytest.raises(InputError, match="null"):
        write_atomically("a\0b", "x")
    with pytest.raises(InputError, match="is a directory"):
        write_atomically("", "x")
    assert names(tmp_path) == ["folder", "loop", "socket"]


def test_a_block_device_is_refused(tmp_path):
    try:
        os.mknod(tmp_path / "disk", stat.S_IFBLK | 0o600, os.makedev(7, 255))
    except PermissionError:
        pytest.skip("no devices here")
    with pytest.raises(InputError, match="block device"):
        write_atomically(tmp_path / "disk", "x")


def test_a_descriptor_is_written_to_where_it_stands(tmp_path):
    """As ``--output /dev/fd/3 3> file`` and ``--output /dev/stdout > file`` mean it."""
    with (tmp_path / "file").open("w") as file:
        file.write("before ")
        file.flush()
        write_atomically(f"/dev/fd/{file.fileno()}", "content ")
        os.symlink(f"/proc/self/fd/{file.fileno()}", tmp_path / "link")
        write_atomically(tmp_path / "link", "again ")
        file.write("after")
    assert (tmp_path / "file").read_text() == "before content again after"
    code = (
        "from twingap.opt.files import write_atomically as write\nprint('said'); write('/dev/stdout', 'kept\\n'); print('end')"
    )
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "said\nkept\nend\n"
    with pytest.raises(InputError, match="cannot be written"):
        write_atomically("/dev/fd/987", "x")


def test_no_text_is_impossible_to_write(tmp_path):
    write_atomically(tmp_path / "text", "half a pair: \ud800")
    assert (tmp_path / "text").read_text() == "half a pair: \\ud800"


def test_files_appear_together_the_last_one_last(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "elsewhere" / "b").write_text("old")
    (tmp_path / "here" / "b").symlink_to("../elsewhere/b")
    (tmp_path / "here" / "c").write_text("old")
    (tmp_path / "here" / "c").chmod(0o600)
    renamed = []
    replace = os.replace
    monkeypatch.setattr("twingap.opt.files.os.replace", lambda one, other: (renamed.append(other.name), replace(one, other)))
    with written_together(tmp_path / "here", last="a") as beside:
        for name in "abcd":
            (beside / name).write_text(name)
        assert not (tmp_path / "here" / "a").exists()
        assert (tmp_path / "here" / "c").read_text() == "old"
    assert renamed == ["b", "c", "d", "a"]
    assert names(tmp_path / "here") == ["a", "b", "c", "d"]
    assert [(tmp_path / "here" / name).read_text() for name in "abcd"] == ["a", "b", "c", "d"]
    assert (tmp_path / "here" / "b").is_symlink()
    assert stat.S_IMODE((tmp_path / "here" / "c").stat().st_mode) == 0o600
    assert names(tmp_path / "elsewhere") == ["b"]


@pytest.mark.parametrize("ends", [KeyboardInterrupt, ValueError, OSError(28, "No space left on device")])
def test_none_of_them_appears_when_something_goes_wrong(tmp_path, ends):
    (tmp_path / "a").write_text("old")
    with pytest.raises(InputError if isinstance(ends, OSError) else ends):
        write_all(tmp_path, "a", ends)
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_target_that_cannot_be_written_keeps_all_others_as_they_are(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match="is a directory") as refused:
        write_all(tmp_path, "abc")
    assert refused.value.source == str(tmp_path / "b")
    assert names(tmp_path) == ["b"]


def test_what_a_killed_writer_left_is_removed_and_a_living_one_is_left_alone(tmp_path):
    code = (
        "import os, sys\nfrom twingap.opt.files import written_together, write_atomically\n"
        "with written_together(sys.argv[1]) as beside:\n    write_atomically(beside / 'a', 'x'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == -9
    (tmp_path / ".twingap.mine.part").mkdir()
    assert len(names(tmp_path)) == 2
    with written_together(tmp_path) as first:
        with written_together(tmp_path) as second:
            write_atomically(second / "b", "x")
        write_atomically(first / "a", "x")
    assert names(tmp_path) == [".twingap.mine.part", "a", "b"]
