"""How the decomposition joins its parts."""

import dataclasses

import numpy as np

import twingap
from twingap.opt.result import Budget
from twingap.opt.solvers import decomposition


def test_a_second_solve_never_makes_the_answer_worse(monkeypatch):
    """Parts that cancel are solved twice; when the deadline cuts the second solve short, the first one's bound stands."""
    snapshot = twingap.draw(preset="tiny", seed=0)
    honest = twingap.solve(snapshot)
    calls = {"local": 0, "global": 0}

    def second_worse(name, run):
        def solve(*arguments):
            calls[name] += 1
            answer = run(*arguments)
            if calls[name] == 1:
                # Loose enough that the joint gap is missed and both parts are solved again.
                return dataclasses.replace(answer, bound=answer.bound + 1.0)
            return dataclasses.replace(answer, bound=answer.bound + 7.0, objective=answer.objective - 5.0)

        return solve

    monkeypatch.setattr(decomposition, "solve_local", second_worse("local", decomposition.solve_local))
    monkeypatch.setattr(decomposition, "solve_global", second_worse("global", decomposition.solve_global))
    answer = decomposition.solve(snapshot, Budget(1e-4, 30.0), np.random.default_rng(0))
    assert calls == {"local": 2, "global": 2}
    assert answer.local_bound <= honest.local.bound + 1.0 + 1e-9
    assert answer.global_bound <= honest.global_.bound + 1.0 + 1e-9
