r"""The relaxation that solver ``milp`` ends with, as one mixed-integer linear program in LP format.

(16) has no LP form: gains are exponential. What has one is its piecewise-linear relaxation from outside, on the grids that
the solver refined until its gap was met: an upper bound on (16) for whoever owns another MIP solver. The solver's cases
(intervals of T_multi) become one program by a binary d_c each, at most one of them 1: every row lower <= A v <= upper of a
case is written lower d_c <= A v <= upper d_c, and so are its columns' bounds, hence v = 0 where d_c = 0. That is exact for a
choice among cases. Cases that were proved to hold nothing better than the decision held are left out, and that decision
stands for them: a binary that earns what it earns. What decisions outside of all cases could earn (``tail``) is a constant.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import highspy
import numpy as np

from ...arrays import Booleans, Floats, Integers
from ...decision import GlobalDecision, LocalDecision
from ...result import Deadline, relative_gap
from ...snapshot import Snapshot
from . import refine_both
from .highs import FIRST_RATIO, to_highs
from .program import Hyperbolas, Linear, Matrix, Vertices, linearise
from .refinement import Refinement


class Block(NamedTuple):
    """A case as part of the joint program: its linear program and the name of its columns."""

    name: str
    linear: Linear


def relaxation_file(snapshot: Snapshot, gap: float, time_limit: float) -> bytes:
    """The text of the file; refined until ``milp`` proves ``gap`` or ``time_limit`` [s] passes (then it is looser, as true).

    Raises InputError for ``whole_subchannels`` in either part.
    """
    clock = Deadline(time_limit)
    local, global_, _ = refine_both(snapshot, gap, clock)
    blocks = [_blocks("local", local), _blocks("global", global_)]
    tail = float(local.part.tail + global_.part.tail)
    model, names = _joint(blocks, [local.part.objective, global_.part.objective], tail)
    objective = local.part.objective + global_.part.objective
    reached = relative_gap(objective, local.bound + global_.bound)
    said = [
        f"twingap: piecewise-linear relaxation of Problem (16), snapshot {snapshot.name!r}",
        "its optimum is an upper bound on the utility of every decision; its solutions are not decisions",
        f"a decision that earns {objective!r} is known; the grids were refined until a gap of {reached:.2e} was proved",
    ]
    return "".join(f"\\ {' '.join(line.split())}\n" for line in said).encode() + _written(model, names)


def _blocks(name: str, refined: Refinement[LocalDecision] | Refinement[GlobalDecision]) -> list[Block]:
    return [
        Block(f"{name}{place}", linearise(refined.part.build(opened.case), refined.points, FIRST_RATIO))
        for place, opened in enumerate(refined.open)
        if opened.bound > refined.part.objective
    ]


def _joint(parts: list[list[Block]], held: list[float], tail: float) -> tuple[Linear, list[str]]:
    """All cases in one program, and its columns' names: cases' columns, a binary per case and per ``held``, the constant."""
    blocks = [block for part in parts for block in part]
    widths = [len(block.linear.lower) for block in blocks]
    starts = np.cumsum([0, *widths])
    binaries = int(starts[-1]) + np.arange(len(blocks) + len(parts))
    rows: list[Matrix] = []
    for block, start, binary in zip(blocks, starts.tolist(), binaries.tolist(), strict=False):
        linear = block.linear
        rows.append(_switched(linear.matrix, start, binary))
        # Weights of vertices sum to a column that is switched itself.
        own: Integers = np.arange(len(linear.kept))
        bounds = Matrix(own, own, np.ones(len(own)), linear.lower[own], linear.upper[own])
        rows.append(_switched(bounds, start, binary))
    part_of = np.repeat([*range(len(parts)), *range(len(parts))], [*(len(part) for part in parts), *(1 for _ in parts)])
    rows.append(Matrix(part_of, binaries, np.ones(len(binaries)), np.full(len(parts), -np.inf), np.ones(len(parts))))
    width = int(starts[-1]) + len(binaries) + 1
    none, nothing = np.zeros(0), np.zeros(0, dtype=np.int64)
    joint = Linear(
        lower=np.concatenate([*(np.minimum(block.linear.lower, 0.0) for block in blocks), np.zeros(len(binaries)), [1.0]]),
        upper=np.concatenate([*(np.maximum(block.linear.upper, 0.0) for block in blocks), np.ones(len(binaries)), [1.0]]),
        money=np.concatenate([*(block.linear.money for block in blocks), np.zeros(len(blocks)), held, [tail]]),
        whole=np.concatenate([*(block.linear.whole for block in blocks), np.ones(len(binaries), dtype=np.bool_), [False]]),
        matrix=_stacked(rows),
        kept=np.arange(width),
        curves=Hyperbolas(nothing, nothing, nothing, none, none, none, nothing),
        vertices=Vertices(nothing, none, none),
    )
    names = [f"{block.name}_{column}" for block, width in zip(blocks, widths, strict=True) for column in range(width)]
    return joint, [*names, *(f"case_{block.name}" for block in blocks), "held_local", "held_global", "beyond"]


def _switched(matrix: Matrix, start: int, binary: int) -> Matrix:
    """Rows with bounds times a binary: one row where they are equal, else one per finite side; columns moved by ``start``."""
    equal = matrix.lower == matrix.upper
    sides: list[tuple[Booleans, Floats, float, float]] = [
        (equal, matrix.lower, 0.0, 0.0),
        (~equal & np.isfinite(matrix.lower), matrix.lower, 0.0, np.inf),
        (~equal & np.isfinite(matrix.upper), matrix.upper, -np.inf, 0.0),
    ]
    made: list[Matrix] = []
    for wanted, bound, lower, upper in sides:
        count = int(wanted.sum())
        place = np.cumsum(wanted) - 1
        entry = wanted[matrix.row]
        switched = np.flatnonzero(wanted & (bound != 0.0))
        made.append(
            Matrix(
                row=np.concatenate([place[matrix.row[entry]], place[switched]]),
                column=np.concatenate([matrix.column[entry] + start, np.full(len(switched), binary)]),
                coefficient=np.concatenate([matrix.coefficient[entry], -bound[switched]]),
                lower=np.full(count, lower),
                upper=np.full(count, upper),
            )
        )
    return _stacked(made)


def _stacked(blocks: list[Matrix]) -> Matrix:
    heights = np.cumsum([0, *(len(block.lower) for block in blocks)])
    return Matrix(
        row=np.concatenate([block.row + height for block, height in zip(blocks, heights.tolist(), strict=False)]),
        column=np.concatenate([block.column for block in blocks]),
        coefficient=np.concatenate([block.coefficient for block in blocks]),
        lower=np.concatenate([block.lower for block in blocks]),
        upper=np.concatenate([block.upper for block in blocks]),
    )


def _written(model: Linear, names: list[str]) -> bytes:
    program = to_highs(model, 1.0)
    kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    program.integrality_ = [kinds[int(whole)] for whole in model.whole]
    program.col_names_ = names
    highs = highspy.Highs()
    highs.silent()
    highs.passModel(program)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "model.lp"
        # HiGHS warns when it has to invent names for rows.
        if highs.writeModel(str(made)) == highspy.HighsStatus.kError:
            raise ValueError("HiGHS did not write the model")
        return made.read_bytes()
