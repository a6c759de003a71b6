"""Claims about Figures 6 to 9: the proposed approach and itself with decisions taken away, utility and delay."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .paper_comparisons import MEANINGS, RANDOM, Comparisons
from .paper_estimates import SWEPT, settled_from
from .verdicts import Claim, Comparison, Reading, below, within

WHERE = {"local": "Fig. 6", "global": "Fig. 7", "transaction": "Fig. 8", "block": "Fig. 9"}
# "Converges after" so many episodes; converged: this share of the way from the first look to the last is made for good. A run
# says nothing about that unless it is this much longer.
AFTER = {"local": 3000.0, "global": 4000.0}
SETTLED, LONGER = 0.95, 1.2


def decision_claims(study: Comparisons, part: str) -> Iterator[Claim]:
    """Of Fig. 6 (local) or Fig. 7 (global)."""
    where, proposed, variants = WHERE[part], study.config.proposed, study.variants(part)
    after = AFTER[part]
    rule = f"{100 * SETTLED:g} % of the way from the first look to the last is made for good by then"
    readings = study.readings(lambda calibration: _settles(study, calibration, part, 0.0, after), "by then")
    later = study.readings(lambda calibration: _settles(study, calibration, part, after / 2, after), "and not in half of it")
    yield Claim(where, f"converges after {after:.0f} episodes", rule, readings + later)
    if part == "global":
        readings = study.readings(lambda calibration: _begins(study, calibration, part))
        yield Claim(where, "utility is low at the beginning", "the first look is less than half of the last", readings)
    readings = study.readings(lambda calibration: [study.ahead(calibration, proposed, name, part) for name in variants])
    text = "the proposed approach has the highest utility, above fixed and random decisions"
    yield Claim(where, text, "earns more on the frozen epochs", readings)
    readings = study.readings(lambda calibration: [study.ahead(calibration, name, RANDOM, part) for name in variants[:-1]])
    yield Claim(where, "random decisions have the worst utility", "all others earn more", readings)


def delay_claims(study: Comparisons, sweep: str) -> Iterator[Claim]:
    """Of Fig. 8 (transaction) or Fig. 9 (block)."""
    where, proposed, variants = WHERE[sweep], study.config.proposed, study.variants(SWEPT[sweep])
    everybody = [proposed, *variants]

    def rises(calibration: str, column: str) -> list[Comparison]:
        steps = [study.weakest_step(calibration, name, sweep, column) for name in everybody]
        return [step for step in steps if step is not None]

    def slower(pairs: list[tuple[str, str]]) -> Callable[[str, str], list[Comparison]]:
        """Pairs (slower, faster)."""
        return lambda calibration, column: [study.slower(calibration, *pair, sweep, column) for pair in pairs]

    mean = "mean over the sizes"
    text = f"delay increases with {sweep} size"
    yield Claim(where, text, "of every approach, from every size to the next", _by_meaning(study, rises))
    readings = _by_meaning(study, slower([(name, proposed) for name in variants]))
    yield Claim(where, "the proposed approach has the lowest delay", f"all others are slower, {mean}", readings)
    if sweep == "block":
        order = [proposed, *(name for name in ("fixed_bandwidth", "fixed_cpu", "random_access") if name in variants), RANDOM]
        readings = _by_meaning(study, slower(list(zip(order[1:], order, strict=False))))
        text = "then fixed bandwidth, fixed computation, random access and random decisions follow in this order"
        yield Claim(where, text, f"each is slower than the one before, {mean}", readings)
    readings = _by_meaning(study, slower([(RANDOM, name) for name in everybody[:-1]]))
    yield Claim(where, "random decisions have the largest delay", f"slower than all others, {mean}", readings)


def _settles(study: Comparisons, calibration: str, part: str, low: float, high: float) -> list[Comparison]:
    episodes, looks = study.found.looks(calibration, study.config.proposed, 0.0, part, "gap")
    if not looks or episodes[-1] < LONGER * high:
        return []
    each = [{seed: gaps[look] for seed, gaps in looks.items()} for look in range(len(episodes))]
    settled = study.found.estimate(each, lambda gaps: settled_from(episodes, gaps, SETTLED))
    return [Comparison("converged at", settled, within(settled, low, high), "episodes")]


def _begins(study: Comparisons, calibration: str, part: str) -> list[Comparison]:
    _, looks = study.found.looks(calibration, study.config.proposed, 0.0, part, "utility")
    if not looks:
        return []
    first, last = ({seed: utility[look] for seed, utility in looks.items()} for look in (0, -1))
    share = study.found.ratio(first, last, lambda share: share)
    return [Comparison("first look as a share of the last", share, below(share, 0.5), "%", 100.0)]


def _by_meaning(study: Comparisons, of: Callable[[str, str], list[Comparison]]) -> tuple[Reading, ...]:
    """Readings in both meanings of delay; ``of``: comparisons of a calibration and a column."""
    made: tuple[Reading, ...] = ()
    for meaning, column in MEANINGS.items():
        made += study.readings(lambda calibration, column=column: of(calibration, column), meaning)
    return made
