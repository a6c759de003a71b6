"""Memory of large arrays is kept for the next ones, not given back to the system after every epoch."""

from __future__ import annotations

import numpy as np

# The largest block that glibc's thresholds follow (DEFAULT_MMAP_THRESHOLD_MAX on 64 bits), less room for its own bookkeeping.
LARGEST_BYTES = 2**25 - 2**16


def keep_freed_memory() -> None:
    """Free one large block that nobody wrote to.

    glibc maps blocks above a threshold from the system and unmaps them when freed, so that every epoch's arrays would be
    faulted in page by page. The threshold follows the largest block freed so far (mallopt(3), M_MMAP_THRESHOLD). Elsewhere
    this does nothing.
    """
    np.empty(LARGEST_BYTES, dtype=np.uint8)
