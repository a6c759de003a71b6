import json
import math

import pytest

from twingap.opt.errors import FalseBoundError
from twingap.studies.bound_cross_check import Claim, meetings, refuse_contradictions

INF, NAN = math.inf, math.nan


def claims(*rows):
    return [Claim("s", "sum", run, objective, bound) for run, objective, bound in rows]


def test_every_bound_meets_every_objective_of_its_snapshot_and_part():
    given = claims(("a", 10.0, 11.0), ("b", 9.0, INF), ("c", NAN, 12.0))
    given += [Claim("s", "local", "a", 4.0, 5.0), Claim("t", "sum", "b", 99.0, 100.0)]
    met = {(m.snapshot, m.part, m.prover, m.holder) for m in meetings(given)}
    assert met == {
        ("s", "sum", "a", "a"),
        ("s", "sum", "a", "b"),
        ("s", "sum", "c", "a"),
        ("s", "sum", "c", "b"),
        ("s", "local", "a", "a"),
        ("t", "sum", "b", "b"),
    }
    assert not any(m.contradicts for m in meetings(given))


def test_margin_by_hand_and_room_for_rounding_only():
    (own, other, *_) = meetings(claims(("a", 10.0, 20.0), ("b", 12.0, INF)))
    assert (own.margin, other.margin) == (pytest.approx(0.5), pytest.approx(0.4))
    # 1e-8 of a bound of 20 is 2e-7.
    assert not any(m.contradicts for m in meetings(claims(("a", 10.0, 20.0), ("b", 20.0 + 1e-7, INF))))
    assert any(m.contradicts for m in meetings(claims(("a", 10.0, 20.0), ("b", 20.0 + 3e-7, INF))))


def test_the_worst_contradiction_is_named_and_saved(tmp_path, monkeypatch):
    monkeypatch.setenv("TWINGAP_REPLAY_DIR", str(tmp_path / "replay"))
    found = meetings(claims(("low", 1.0, 2.0), ("mid", 3.0, 9.0), ("high", 8.0, 9.0)))
    snapshots = {"s": {"name": "s"}}
    solutions = {("s", run): {"solver": run} for run in ("low", "mid", "high")}
    with pytest.raises(FalseBoundError, match=r"snapshot s: low proves 2.0 for the sum and high earns 8.0") as caught:
        refuse_contradictions(found, snapshots, solutions)
    assert "1 more" in str(caught.value)
    assert json.loads((tmp_path / "replay" / "s.snapshot.json").read_text()) == {"name": "s"}
    assert json.loads((tmp_path / "replay" / "s-high.solution.json").read_text()) == {"solver": "high"}
    assert (tmp_path / "replay" / "s-low.solution.json").exists()


def test_without_contradiction_nothing_is_said_or_saved(tmp_path, monkeypatch):
    monkeypatch.setenv("TWINGAP_REPLAY_DIR", str(tmp_path / "replay"))
    refuse_contradictions(meetings(claims(("a", 10.0, 11.0), ("b", 10.5, 10.6))), {}, {})
    assert not (tmp_path / "replay").exists()
