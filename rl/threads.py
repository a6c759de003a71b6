"""One thread while our small networks run: a second gains little alone, costs much on a busy machine, and may round
differently, which would break bit for bit repetition."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import scipy.linalg.cython_blas  # noqa: F401  # pyright: ignore[reportUnusedImport] - loads the BLAS of compiled products
import torch
from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Run the block with one thread for torch and for the BLAS of compiled code, then give the caller's settings back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _blas().limit(limits=1):
            yield
    finally:
        torch.set_num_threads(before)


@cache
def _blas() -> ThreadpoolController:
    # To find the loaded libraries takes milliseconds; to set them, microseconds.
    return ThreadpoolController().select(user_api="blas")
