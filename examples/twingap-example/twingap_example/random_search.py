r"""Solver ``random_search``: thousands of random decisions at once, the best of each part kept, and a simple proved bound.

**Bound.** Costs are at least 0 and no head is faster than alone with all its CPU and the whole budget on its uplink, so

    local   U <= sum_j B exp(-A (ln(1/theta_j) C_j / f_max_j + upload_bits_j / (W W_0 log2(1 + SINR_j))))
    global  U <= K max_i B exp(-A max_v cycles_iv / f_max_iv)        (each of the K APs is in one committee)

A decision counts as feasible up to 1e-9 of a budget or capacity, which shortens a delay T by at most that share of it; since
x exp(-x) <= 1/e that adds less than 1e-9 B per head or AP, and so does rounding. 2e-9 B each is added.
"""

import numpy as np

from twingap import Decision, GlobalDecision, InputError, LocalDecision, Snapshot, evaluate
from twingap.opt.local_equations import training_work, upload_time
from twingap.opt.registry import SolverEntry
from twingap.opt.result import Answer, Budget, Deadline, relative_gap

ROUNDS, DRAWS = 40, 256
SLACK = 2e-9

# What the entry point names. An entry point may also name ``solve`` itself; then nobody knows what it proves and handles.
SOLVER = SolverEntry(
    target="twingap_example.random_search:solve",
    proves="upper bound: each head and each committee at its fastest, at no cost",
    handles="group, fail and cap, floor and smooth; divisible subchannels",
    draws=True,
)


def solve(snapshot: Snapshot, budget: Budget, rng: np.random.Generator) -> Answer:
    """At most 40 times 256 decisions, until the gap or the time limit is reached. Raises InputError for other modes."""
    for name, part in (("local", snapshot.local), ("global", snapshot.global_)):
        if part.multicast != "group":
            raise InputError("is 'per_link'; solver 'random_search' handles 'group' only", field=f"{name}.multicast")
        if part.whole_subchannels:
            raise InputError("is true; solver 'random_search' divides subchannels", field=f"{name}.whole_subchannels")
    deadline = Deadline(budget.time_limit)
    local_bound, global_bound = bounds(snapshot)
    best: Decision | None = None
    earned_local = earned_global = -np.inf
    stopped = "exhausted"
    for _ in range(ROUNDS):
        drawn = draw(snapshot, rng)
        # One call evaluates all of them: every equation takes leading batch axes.
        earned = evaluate(snapshot, drawn)
        one, two = int(earned.local.utility.argmax()), int(earned.global_.utility.argmax())
        local = drawn.at(one).local if best is None or earned.local.utility[one] > earned_local else best.local
        global_ = drawn.at(two).global_ if best is None or earned.global_.utility[two] > earned_global else best.global_
        best = Decision(local, global_)
        earned_local = max(earned_local, float(earned.local.utility[one]))
        earned_global = max(earned_global, float(earned.global_.utility[two]))
        if relative_gap(earned_local + earned_global, local_bound + global_bound) <= budget.gap:
            stopped = "gap"
            break
        if deadline.passed:
            stopped = "time_limit"
            break
    return Answer(best, local_bound, global_bound, proof="each head and each committee at its fastest", stopped=stopped)


def bounds(snapshot: Snapshot) -> tuple[float, float]:
    """Upper bounds of the local and the global part; the proof is at the top of this file."""
    local, global_ = snapshot.local, snapshot.global_
    fastest = training_work(local) / local.cpu_max_hz + upload_time(
        local, np.full_like(local.cpu_max_hz, local.subchannels_max)
    )
    verification = (global_.cycles / global_.cpu_max_hz).max(axis=-1)
    return (
        float(local.benefit * (np.exp(-local.decay * fastest) + SLACK).sum()),
        float(len(local.layout.heads) * global_.benefit * (np.exp(-global_.decay * verification.min()) + SLACK)),
    )


def draw(snapshot: Snapshot, rng: np.random.Generator) -> Decision:
    """256 random decisions [draw, ...], feasible by construction; the first switches everything off."""
    local, global_ = snapshot.local, snapshot.global_
    heads, aps = len(local.layout.ap), len(local.layout.heads)
    real = global_.layout.is_delegate
    runs = rng.random((DRAWS, heads)) < rng.random((DRAWS, 1))
    runs[0] = False
    shares = local.subchannels_max * rng.dirichlet(np.full(2 * heads, 2.0), size=DRAWS)
    serves = rng.random((DRAWS, len(real))) < 0.8
    serves[0] = False
    # Every committee has as many places as its capacity; APs take places at random.
    places = np.repeat(np.arange(len(real)), global_.capacity)
    access = rng.permuted(np.tile(places, (DRAWS, 1)), axis=1)[:, :aps]
    spectrum = global_.subchannels_max * rng.dirichlet(np.full(aps + real.size, 2.0), size=DRAWS)
    on = serves[:, :, None] & real
    return Decision(
        LocalDecision(
            uplink=shares[:, :heads] * runs,
            cpu_hz=local.cpu_max_hz * rng.random((DRAWS, heads)) * runs,
            multicast=shares[:, heads:] * runs.any(axis=1, keepdims=True),
        ),
        GlobalDecision(
            access=access,
            request=spectrum[:, :aps] * np.take_along_axis(serves, access, axis=1),
            cpu_hz=global_.cpu_max_hz * rng.random((DRAWS, *real.shape)) * on,
            multicast=spectrum[:, aps:].reshape(DRAWS, *real.shape) * on,
        ),
    )
