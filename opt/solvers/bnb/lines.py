"""Straight lines over and under exp(-A T), and where an interval is cut."""

from __future__ import annotations

import numpy as np

from ...arrays import Booleans, Floats


def secant(decay: float, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """alpha, beta of the line alpha - beta T that meets exp(-A T) at both ends: its concave envelope on [low, high]."""
    width = high - low
    wide = width > 1e-9
    rest = np.where(wide, width, 1.0)
    beta = np.exp(-decay * low) * np.where(wide, -np.expm1(-decay * rest) / rest, decay)
    return np.exp(-decay * low) + beta * low, beta


def tangent(decay: float, at: Floats) -> tuple[Floats, Floats]:
    """alpha, beta of the line alpha - beta T that touches exp(-A T) from below at ``at``."""
    beta = decay * np.exp(-decay * at)
    return np.exp(-decay * at) + beta * at, beta


def between(low: float, high: float, wished: float) -> float:
    """The wished cut of [low, high], kept a fifth of its length away from the ends."""
    return float(np.clip(wished, 0.8 * low + 0.2 * high, 0.2 * low + 0.8 * high))


def without(flags: Booleans, where: int | tuple[int, ...]) -> Booleans:
    """A copy of the flags with one taken down."""
    changed = flags.copy()
    changed[where] = False
    return changed
