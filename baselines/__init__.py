"""Schedulers without learning: what every learner is measured against. One file per idea, named in ``registry``."""

from .registry import BASELINES, make_baseline

__all__ = ["BASELINES", "make_baseline"]
