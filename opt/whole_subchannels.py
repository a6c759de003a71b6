"""What ``whole_subchannels`` leaves of a budget."""

from __future__ import annotations

import math


def whole_budget(subchannels: float) -> int:
    """Whole subchannels in a budget; 2.9999999999999996 is 3, as C1 and C5 are judged far more coarsely than a sum rounds."""
    return math.floor(subchannels * (1.0 + 1e-12))
