"""How far from optimal is a digital-twin-driven scheduler, and how much of that is the twin's error?

Public names load on first use (SPEC 1 style), so that solving never imports torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .baselines import make_baseline
    from .opt.batch import solve_batch
    from .opt.certificate.certificate_file import load_certificate, save_certificate
    from .opt.certificate.check import verify_certificate
    from .opt.decision import Decision, GlobalDecision, LocalDecision
    from .opt.drawing import draw
    from .opt.errors import FalseBoundError, InputError
    from .opt.evaluation import Evaluation, evaluate
    from .opt.families import draw_family
    from .opt.own_epochs import estimate_system
    from .opt.result import Result
    from .opt.rigorous.check import verify_rigorously
    from .opt.scenario import Scenario, preset
    from .opt.snapshot import Snapshot
    from .opt.snapshot_file import load_snapshot, save_snapshot
    from .opt.snapshot_table import load_snapshots
    from .opt.solution_file import load_solution, save_solution
    from .opt.solve import solve
    from .opt.verify import verify
    from .rl.environment import Environment, make_env
    from .rl.learners import train
    from .studies.measure_gap import GapReport, measure_gap
    from .studies.run_study import run_study

_HOME = {
    "Decision": "opt.decision",
    "Environment": "rl.environment",
    "Evaluation": "opt.evaluation",
    "FalseBoundError": "opt.errors",
    "GapReport": "studies.measure_gap",
    "GlobalDecision": "opt.decision",
    "InputError": "opt.errors",
    "LocalDecision": "opt.decision",
    "Result": "opt.result",
    "Scenario": "opt.scenario",
    "Snapshot": "opt.snapshot",
    "draw": "opt.drawing",
    "draw_family": "opt.families",
    "estimate_system": "opt.own_epochs",
    "evaluate": "opt.evaluation",
    "load_certificate": "opt.certificate.certificate_file",
    "load_snapshot": "opt.snapshot_file",
    "load_snapshots": "opt.snapshot_table",
    "load_solution": "opt.solution_file",
    "make_baseline": "baselines",
    "make_env": "rl.environment",
    "measure_gap": "studies.measure_gap",
    "preset": "opt.scenario",
    "run_study": "studies.run_study",
    "save_certificate": "opt.certificate.certificate_file",
    "save_snapshot": "opt.snapshot_file",
    "save_solution": "opt.solution_file",
    "solve": "opt.solve",
    "solve_batch": "opt.batch",
    "train": "rl.learners",
    "verify": "opt.verify",
    "verify_certificate": "opt.certificate.check",
    "verify_rigorously": "opt.rigorous.check",
}

__version__ = "0.1.0"
__all__ = [
    "Decision",
    "Environment",
    "Evaluation",
    "FalseBoundError",
    "GapReport",
    "GlobalDecision",
    "InputError",
    "LocalDecision",
    "Result",
    "Scenario",
    "Snapshot",
    "__version__",
    "draw",
    "draw_family",
    "estimate_system",
    "evaluate",
    "load_certificate",
    "load_snapshot",
    "load_snapshots",
    "load_solution",
    "make_baseline",
    "make_env",
    "measure_gap",
    "preset",
    "run_study",
    "save_certificate",
    "save_snapshot",
    "save_solution",
    "solve",
    "solve_batch",
    "train",
    "verify",
    "verify_certificate",
    "verify_rigorously",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'twingap' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    # Rebind, so that a submodule of the same name (``solve``) never shadows the function.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
