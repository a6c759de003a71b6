"""Runners, keepers, workers and Dask workers are killed at random moments; what comes out is as if nothing had happened."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest
from distributed.security import Security

# Each runs a study of 60 cells in processes of its own.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
HERE = Path(__file__).parent
CELLS = 60


class Machine:
    """Starts processes that can be found again."""

    def __init__(self, directory, cells=CELLS, seconds=0.1):
        self.mark = f"TWINGAP_TEST={uuid.uuid4().hex}"
        self.results = directory / "results"
        self.log = directory / "log"
        self.config = directory / "cheap.yaml"
        self.config.write_text(f"{{cells: {cells}, seconds: {seconds}, log: '{self.log}'}}")
        name, value = self.mark.split("=")
        self.env = {**os.environ, name: value, "PYTHONPATH": str(HERE), "DASK_DISTRIBUTED__WORKER__DAEMON": "False"}

    def popen(self, *command):
        return subprocess.Popen(
            [sys.executable, *map(str, command)], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def study(self, *options):
        code = "from twingap.studies.cli import main; main()"
        where = ("--config", self.config, "--output", self.results)
        return self.popen("-c", code, "study", "cheap_study:STUDY", *where, *options)

    def processes(self):
        """Everything that these processes started, and themselves."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if self.mark.encode() in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
            except OSError:
                continue
        return found

    def all_gone(self):
        return wait_for(lambda: not self.processes(), 30.0)

    def records(self):
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in self.results.glob("records/*.json")}

    def table(self):
        return (self.results / "values.csv").read_bytes()

    def starts(self):
        """(cell, time in ns) of every start of a cell's work."""
        lines = [line.split(",") for line in self.log.read_text().splitlines()]
        return [((needs, x), int(at)) for needs, x, at in lines]

    def ends(self):
        """Time in ns of every cell's record."""
        times = {}
        for path in self.results.glob("records/*.json"):
            settings = json.loads(path.read_text())["settings"]
            times[str("root" in settings), str(settings["x"])] = path.stat().st_mtime_ns
        return times


def wait_for(true, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


def finished(process):
    said, _ = process.communicate(timeout=300)
    return process.returncode, said


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The table of a run that nothing happens to."""
    machine = Machine(tmp_path_factory.mktemp("undisturbed"), seconds=0.0)
    code, said = finished(machine.study())
    assert code == 0, said
    assert len(machine.starts()) == CELLS
    return machine.table()


@pytest.mark.parametrize("seed", [0])
def test_killed_ten_times_and_restarted_it_finds_the_same_and_does_no_cell_twice(undisturbed, tmp_path, seed):
    rng = random.Random(seed)
    machine = Machine(tmp_path)
    seen = {}
    runner = machine.study()
    for kill in range(10):
        # A random moment after some more cells are done.
        enough = min(len(machine.records()) + rng.randint(0, 4), CELLS - 4)
        assert wait_for(lambda enough=enough: len(machine.records()) >= enough, 120.0)
        time.sleep(rng.uniform(0.0, 0.5))
        children = [pid for pid in machine.processes() if pid != runner.pid]
        victims = [[runner.pid], rng.sample(children, min(1, len(children))), [runner.pid, *children]][kill % 3]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if runner.pid in victims or runner.poll() is not None:
            finished(runner)
            runner = machine.study("--retry-failed")
        now = machine.records()
        assert {name: now[name] for name in seen} == seen, "a finished record was lost or written again"
        seen = now
    finished(runner)
    code, said = finished(machine.study("--retry-failed"))
    assert code == 0, said
    assert machine.table() == undisturbed
    records = machine.records()
    assert len(records) == CELLS
    assert {name: records[name] for name in seen} == seen
    # No cell was begun after it was done, so none was done twice.
    ended = machine.ends()
    assert len(machine.starts()) >= len(ended) == CELLS
    assert all(at < ended[cell] for cell, at in machine.starts())
    assert machine.all_gone()
    for folder in ("records", "failures", "claims"):
        assert not [path.name for path in (machine.results / folder).iterdir() if path.suffix != ".json"]


def test_two_runners_on_one_directory_share_the_work(undisturbed, tmp_path):
    machine = Machine(tmp_path)
    runners = [machine.study("--workers", 2), machine.study("--workers", 1)]
    for runner in runners:
        code, said = finished(runner)
        assert code == 0, said
    assert machine.table() == undisturbed
    starts = [cell for cell, _ in machine.starts()]
    assert len(starts) == len(set(starts)) == CELLS
    assert not list((machine.results / "claims").iterdir())


def test_shards_need_no_other_and_the_last_one_reports(undisturbed, tmp_path):
    machine = Machine(tmp_path, seconds=0.0)
    for index in (3, 1):
        code, said = finished(machine.study("--shard", f"{index}/3"))
        assert code == 0, said
        assert f"shard {index}/3 is done" in said
        assert not (machine.results / "values.csv").exists()
    code, said = finished(machine.study("--shard", "2/3"))
    assert (code, f"{CELLS} values" in said) == (0, True), said
    assert machine.table() == undisturbed
    assert len(machine.starts()) == CELLS


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_a_killed_dask_worker_costs_nothing_but_time(undisturbed, tmp_path):
    machine = Machine(tmp_path)
    address = f"tcp://127.0.0.1:{free_port()}"
    scheduler = machine.popen("-m", "distributed.cli.dask_scheduler", "--port", address.rsplit(":")[-1], "--no-dashboard")
    flags = ("--no-nanny", "--nthreads", 1, "--no-dashboard")
    helpers = [machine.popen("-m", "distributed.cli.dask_worker", address, *flags) for _ in range(2)]
    try:
        runner = machine.study("--dask", address)
        assert wait_for(lambda: len(machine.records()) >= 10 or runner.poll() is not None, 120.0)
        helpers[0].kill()
        code, said = finished(runner)
        assert code == 0, said
    finally:
        for helper in [*helpers, scheduler]:
            helper.kill()
            helper.communicate()
    assert machine.table() == undisturbed
    ended = machine.ends()
    assert all(at < ended[cell] for cell, at in machine.starts())
    assert machine.all_gone()


def listening(processes):
    """Addresses that these processes take connections at."""
    found = set()
    for pid in processes:
        with contextlib.suppress(psutil.Error):
            every = psutil.Process(pid).net_connections(kind="inet")
            found |= {each.laddr.ip for each in every if each.status == psutil.CONN_LISTEN}
    return found


def test_a_dask_cluster_of_our_own_listens_on_this_machine_alone(undisturbed, tmp_path):
    machine = Machine(tmp_path, seconds=0.0)
    del machine.env["DASK_DISTRIBUTED__WORKER__DAEMON"]
    runner = machine.study("--dask", "local", "--workers", 2)
    addresses = set()
    while runner.poll() is None:
        addresses |= listening(machine.processes())
        time.sleep(0.1)
    code, said = finished(runner)
    assert code == 0, said
    assert addresses == {"127.0.0.1"}
    assert machine.table() == undisturbed
    assert len(machine.starts()) == CELLS
    assert machine.all_gone()


def certificates(directory):
    """Dask's configuration of a certificate made now, as environment variables."""
    made = Security.temporary()
    directory.mkdir()
    names = {"CA_FILE": made.tls_ca_file}
    for role in ("client", "scheduler", "worker"):
        names[f"{role.upper()}__KEY"] = getattr(made, f"tls_{role}_key")
        names[f"{role.upper()}__CERT"] = getattr(made, f"tls_{role}_cert")
    for name, content in names.items():
        (directory / name).write_text(content)
    return {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(directory / name) for name in names}


def test_a_dask_cluster_with_certificates_takes_no_others(undisturbed, tmp_path):
    """The set-up of docs/studies.md, on this machine."""
    machine = Machine(tmp_path, seconds=0.0)
    plain = dict(machine.env)
    machine.env |= certificates(tmp_path / "ours")
    address = f"tls://127.0.0.1:{free_port()}"
    port = address.rsplit(":")[-1]
    here = ("--protocol", "tls", "--host", "127.0.0.1", "--no-dashboard")
    scheduler = machine.popen("-m", "distributed.cli.dask_scheduler", *here, "--port", port)
    flags = ("--no-nanny", "--nthreads", 1, "--no-dashboard")
    helper = machine.popen("-m", "distributed.cli.dask_worker", address, *flags)
    try:
        strangers = (({}, "CA_FILE"), (certificates(tmp_path / "strangers"), "no Dask scheduler answers"))
        for keys, word in strangers:
            stranger = Machine(tmp_path)
            stranger.env = plain | keys | {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "3s"}
            code, said = finished(stranger.study("--dask", address))
            assert code == 2, said
            assert word in said
            assert said.count("\n") == 1
        assert not machine.records()
        code, said = finished(machine.study("--dask", address))
        assert code == 0, said
    finally:
        for each in (helper, scheduler):
            each.kill()
            each.communicate()
    assert machine.table() == undisturbed


def test_no_scheduler_is_one_line(tmp_path):
    machine = Machine(tmp_path)
    code, said = finished(machine.study("--dask", "nonsense"))
    assert code == 2
    assert len(said.strip().splitlines()) == 1
    assert "dask" in said
