"""One thread inside, the caller's setting back outside, for torch and for the BLAS of compiled code."""

import torch
from threadpoolctl import ThreadpoolController

from twingap.rl.threads import one_thread


def blas_threads():
    return {pool["filepath"]: pool["num_threads"] for pool in ThreadpoolController().select(user_api="blas").info()}


def test_one_thread_inside_and_as_before_outside():
    before, outside = torch.get_num_threads(), blas_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
            inside = blas_threads()
            assert any("scipy" in path for path in inside), "the library that numba calls"
            assert set(inside.values()) == {1}
        assert torch.get_num_threads() == 2
        assert blas_threads() == outside
    finally:
        torch.set_num_threads(before)
