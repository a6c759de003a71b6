"""Kernels saved by different processes must never share a symbol (see ``opt.compiled``: it proved a false bound)."""

import subprocess
import sys


def test_every_process_counts_its_functions_from_elsewhere():
    program = "import twingap.opt.compiled, numba.core.bytecode as b; print(next(b.FunctionIdentity._unique_ids))"
    first, second = (
        int(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
        for _ in range(2)
    )
    assert abs(first - second) > 10_000
