"""One trial: a drawn snapshot is solved, its certificate re-proved, both parts attacked; what is false is named."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

import twingap
from twingap.opt.errors import FalseBoundError
from twingap.opt.snapshot import Snapshot
from twingap.opt.solve import InfeasibleAnswerError

from .attack import attack, rounding
from .draws import draw

FALSE, REFUSED, INFEASIBLE, ERROR = "false bound", "refused certificate", "infeasible", "error"
FAULTS = (FALSE, REFUSED, INFEASIBLE, ERROR)
REACHED = 1e-3


@dataclass
class Part:
    """objective and bound of the solver, what the attack met; each of one part."""

    name: str
    objective: float
    bound: float
    attacked: float
    scale: float

    @property
    def earns(self) -> bool:
        """Whether anybody is known to earn more than rounding."""
        return max(self.objective, self.attacked) > 1e-9 * self.scale

    @property
    def reached(self) -> bool:
        """Whether the attack is one: it met the objective to 1e-3."""
        return self.attacked >= self.objective * (1.0 - REACHED)

    @property
    def gap(self) -> float:
        """Gap of the part, relative to what it earns, or to a hundred millionth of its benefits if it earns less."""
        return (self.bound - self.objective) / max(abs(self.objective), 1e-8 * self.scale)


@dataclass
class Trial:
    """What came of one snapshot; faults: (kind, what), seconds: solving, checking, attacking."""

    regime: str
    seed: int
    gap: float = np.nan
    stopped: str = ""
    parts: list[Part] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])

    def says(self) -> str:
        """One line."""
        what = "; ".join(f"{kind}: {text}" for kind, text in self.faults)
        numbers = " ".join(f"{p.name} {p.objective:.9g} <= {p.bound:.9g} attack {p.attacked:.9g}" for p in self.parts)
        return f"{self.regime} {self.seed}: {what or 'fine'} [{numbers} {self.stopped}]"


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Where this process writes its files, evidence of false bounds among them."""
    folder = tempfile.TemporaryDirectory(prefix="twingap-fuzz-")
    os.environ["TWINGAP_REPLAY_DIR"] = folder.name
    return folder


def refusals(snapshot: Snapshot, result: twingap.Result, folder: Path) -> list[str]:
    """What ``verify_certificate`` and ``verify`` hold against a result that went through its files."""
    answer, proof = folder / "solution.json", folder / "certificate.json"
    twingap.save_solution(result, snapshot, answer)
    assert result.certificate is not None
    twingap.save_certificate(result.certificate, proof)
    solution = twingap.load_solution(answer, snapshot)
    checks = [
        *twingap.verify_certificate(snapshot, solution, twingap.load_certificate(proof)),
        *twingap.verify(snapshot, solution).checks,
    ]
    return [f"{check.name}: {check.detail}" for check in checks if not check.holds]


def run(regime: str, seed: int, gap: float = 1e-6, time_limit: float = 3.0, effort: int = 1) -> Trial:
    """One trial of a drawn snapshot."""
    return examine(draw(regime, seed), Trial(regime, seed), gap, time_limit, effort)


def examine(snapshot: Snapshot, trial: Trial, gap: float = 1e-6, time_limit: float = 3.0, effort: int = 1) -> Trial:
    """Solves, checks and attacks; fills the trial."""
    folder = Path(_folder().name)
    clock = [time.perf_counter()]
    result = None
    try:
        result = twingap.solve(snapshot, gap=gap, time_limit=time_limit, certificate=True)
    except FalseBoundError as error:
        trial.faults.append((FALSE, f"solve raises {error}".splitlines()[0][:160]))
    except InfeasibleAnswerError as error:
        trial.faults.append((INFEASIBLE, str(error)[:160]))
    except Exception as error:  # noqa: BLE001 - whatever else comes out of a solver is the finding
        trial.faults.append((ERROR, f"solve raises {type(error).__name__}: {error}"[:160]))
    clock.append(time.perf_counter())
    if result is not None:
        trial.gap, trial.stopped = result.gap, result.stopped
        if result.decision is None:
            trial.faults.append((ERROR, "no decision"))
        elif not twingap.evaluate(snapshot, result.decision).violation <= 1e-9:
            trial.faults.append((INFEASIBLE, f"{float(twingap.evaluate(snapshot, result.decision).violation):.3e}"))
        try:
            trial.faults += [(REFUSED, text[:160]) for text in refusals(snapshot, result, folder)[:1]]
        except Exception as error:  # noqa: BLE001 - as above
            trial.faults.append((ERROR, f"verify raises {type(error).__name__}: {error}"[:160]))
    clock.append(time.perf_counter())
    met = attack(snapshot, effort)
    clock.append(time.perf_counter())
    trial.seconds = np.diff(clock).tolist()
    for name, part, attacked in (("local", snapshot.local, met.local), ("global", snapshot.global_, met.global_)):
        its = None if result is None else result.local if name == "local" else result.global_
        size = len(snapshot.local.layout.ap) if name == "local" else len(snapshot.local.layout.heads)
        scale = part.benefit * size
        objective, bound = (np.nan, np.nan) if its is None else (its.objective, its.bound)
        trial.parts.append(Part(name, objective, bound, attacked, scale))
        if attacked > bound + rounding(attacked, scale):
            trial.faults.append((FALSE, f"{name} bound {bound:.12g}, attained {attacked:.12g}"))
    return trial


