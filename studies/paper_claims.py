"""What the paper claims in its abstract and Section VI, in its order. Rules: ``verdicts``; numbers: ``paper_comparisons``."""

from __future__ import annotations

from collections.abc import Iterator

from .paper_comparisons import CLOSE, MEANINGS, Comparisons
from .paper_decision_claims import decision_claims, delay_claims
from .paper_estimates import Found
from .paper_figures_config import PaperFiguresConfig
from .paper_learning_claims import learning_claims
from .verdicts import Claim, Comparison, Reading, within

# "About 37 %" more utility, "about 14 %" less delay.
UTILITY, DELAY = 0.37, 0.14


def paper_claims(config: PaperFiguresConfig, found: Found) -> list[Claim]:
    """Every claim that the records allow to judge."""
    study = Comparisons(config, found)
    claims = [*_abstract(study)]
    for part in ("local", "global"):
        claims += learning_claims(study, part)
    for part in ("local", "global"):
        claims += decision_claims(study, part)
    for sweep in ("transaction", "block"):
        claims += delay_claims(study, sweep)
    return [claim for claim in claims if claim.readings]


def _abstract(study: Comparisons) -> Iterator[Claim]:
    """The two numbers; they name neither the approach that they are measured against nor the part."""
    utilities: list[Reading] = []
    delays: list[Reading] = []
    for calibration in study.config.calibrations:
        for other in (*study.rivals(calibration), *study.config.holds):
            for part in ("local", "global", "sum"):
                meaning = f"{'both parts' if part == 'sum' else part + ' part'} against {other}"
                utilities.append(_more(study, calibration, meaning, other, part))
                if part != "sum":
                    for words, column in MEANINGS.items():
                        delays.append(_less(study, calibration, f"{meaning}, {words}", other, part, column))
    rule = f"within {100 * CLOSE:g} percentage points"
    yield Claim("Abstract", "improves utility by about 37 % (does not say over what)", rule, tuple(utilities))
    yield Claim("Abstract", "reduces time latency by about 14 % (does not say below what)", rule, tuple(delays))


def _more(study: Comparisons, calibration: str, meaning: str, other: str, part: str) -> Reading:
    """Utility against another approach's."""
    ours, theirs = (study.found.final(calibration, name, 0.0, part, "utility") for name in (study.config.proposed, other))
    gain = study.found.ratio(ours, theirs, lambda share: share - 1.0)
    outcome = within(gain, UTILITY - CLOSE, UTILITY + CLOSE)
    return Reading(calibration, meaning, (Comparison(f"utility above {other}", gain, outcome, "%", 100.0),))


def _less(study: Comparisons, calibration: str, meaning: str, other: str, part: str, column: str) -> Reading:
    """Delay against another approach's."""
    ours, theirs = (study.found.final(calibration, name, 0.0, part, column) for name in (study.config.proposed, other))
    saved = study.found.ratio(ours, theirs, lambda share: 1.0 - share)
    outcome = within(saved, DELAY - CLOSE, DELAY + CLOSE)
    return Reading(calibration, meaning, (Comparison(f"delay below {other}", saved, outcome, "%", 100.0),))
