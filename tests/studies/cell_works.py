"""Works of cells for the tests of the runner; worker processes import them by name."""

# ruff: noqa: ARG001, PERF401

import multiprocessing
import os
import signal
import subprocess
import sys
import time

MB = 1_000_000
# Keeps what it got when it gets no more, until it is killed.
GREEDY = """
import time
kept = []
try:
    while True:
        kept.append(b"x" * 20_000_000)
except MemoryError:
    time.sleep(1000)
"""
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(1000)"


def square(settings, directory, report):
    """A cell that just works."""
    report(1, 1)
    return {"square": settings["x"] ** 2}


def after(settings, directory, report):
    """Reads the record of another cell."""
    from pathlib import Path

    from twingap.studies.records import Records

    return {"sum": sum(Records(Path(directory)).result(key)["square"] for key in settings["of"])}


def fail(settings, directory, report):
    """An error with a message."""
    raise ValueError("no such luck")


def vanish(settings, directory, report):
    """Dies without a word."""
    os._exit(7)


def crash(settings, directory, report):
    """Dies by a signal."""
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(settings, directory, report):
    """Ignores every signal that can be ignored, and starts another process that does."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True)
    child.stdout.readline()
    with open(settings["pids"], "w") as file:
        file.write(f"{os.getpid()} {child.pid}")
    while True:
        time.sleep(1.0)


def leave_behind(settings, directory, report):
    """Ends well, but something it started goes on."""
    child = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True)
    child.stdout.readline()
    with open(settings["pids"], "w") as file:
        file.write(f"{os.getpid()} {child.pid}")
    return {}


def lock(settings, directory, report):
    """Keeps a lock, which has a name in the file system, until its process ends, as Pyomo does."""
    global LOCK
    LOCK = multiprocessing.Lock()
    path = f"/dev/shm/sem.{LOCK._semlock.name.strip('/')}"
    return {"path": path, "there": os.path.exists(path)}


def take(settings, directory, report):
    """40 GB, touched, in small pieces."""
    kept = []
    for _ in range(2000):
        kept.append(b"x" * 20 * MB)
    return {}


def take_at_once(settings, directory, report):
    """40 GB in one request."""
    return {"length": len(b"x" * 40_000 * MB)}


def take_elsewhere(settings, directory, report):
    """Another process takes the memory, in a session of its own."""
    subprocess.run([sys.executable, "-c", GREEDY], start_new_session=True, check=False)
    return {}
