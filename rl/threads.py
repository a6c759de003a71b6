"""One torch thread while our small networks run: a second gains little alone, costs much on a busy machine, and may round
differently, which would break bit for bit repetition."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Run the block with one torch thread, then give the caller's setting back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
