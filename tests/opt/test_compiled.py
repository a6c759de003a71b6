"""Kernels saved by different processes must never share a symbol (see ``opt.compiled``: it proved a false bound)."""

import os
import subprocess
import sys

import pytest


def test_every_process_counts_its_functions_from_elsewhere():
    program = "import twingap.opt.compiled, numba.core.bytecode as b; print(next(b.FunctionIdentity._unique_ids))"
    first, second = (
        int(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
        for _ in range(2)
    )
    assert abs(first - second) > 10_000


# Two kernels in modules of their own, which call closures of one name that differ in a sign: under one number, one symbol.
MAKER = """
import pytest
import numba
import numpy as np
from twingap.opt import compiled

def make(sign):
    @numba.njit
    def better(one, other):
        return sign * one > sign * other

    @numba.njit
    def best(values):
        # Long enough to stay a function of its own in the machine code.
        for _ in range(2):
            for place in range(1, len(values)):
                here = place
                while here > 0 and better(values[here], values[here - 1]):
                    values[here], values[here - 1] = values[here - 1], values[here]
                    here -= 1
        return values[0] + 0.0 * np.sort(values)[0] + 0.0 * np.median(values)

    return best
"""
KERNEL = """
from maker import compiled, make
best = make({sign})

@compiled.compiled
def {name}(values):
    return best(values.copy())
"""
PROGRAM = """
import sys

import pytest
from maker import np
for name in sys.argv[1:]:
    print(name, getattr(__import__(name), name)(np.array([3.0, 1.0, 2.0])))
"""


@pytest.mark.slow
def test_kernels_that_two_processes_saved_do_not_run_each_others_code(tmp_path):
    """The third process loads what the first two saved. Counting from 1 in each, it prints "smallest 3.0" every time."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "maker.py").write_text(MAKER)
    (tmp_path / "program.py").write_text(PROGRAM)
    for name, sign in (("largest", 1.0), ("smallest", -1.0)):
        (tmp_path / f"{name}.py").write_text(KERNEL.format(name=name, sign=sign))

    def said(*names):
        command = [sys.executable, "program.py", *names]
        env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=env)
        return done.stdout.split("\n")[:-1]

    expected = ["largest 3.0", "smallest 1.0"]
    assert [*said("largest"), *said("smallest")] == expected
    saved = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.nbc")}
    assert len(saved) >= 2
    assert said("largest", "smallest") == expected
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.nbc")} == saved
