"""How the numbers behind the paper's figures were made, in words, from the configuration."""

from __future__ import annotations

from collections.abc import Iterator

from ..paper_figures_config import PaperFiguresConfig

COMPARISONS = (
    "One row per comparison. A reading of a claim is one calibration and one way to understand what the text leaves open; it "
    "holds when all of its comparisons do. Where a delay is compared from size to size, the step that speaks most against the "
    "claim is shown."
)


def methods(config: PaperFiguresConfig) -> Iterator[str]:
    """One paragraph each."""
    rules = config.rules
    rewards = "repaired" if rules.projects else "paid 0, as (25) prints it"
    cpu = "executed at the capacity" if rules.clips else "paid 0"
    yield (
        f"Preset {config.preset}. Each of {len(config.seeds)} seeds draws a system, {config.episodes} frozen evaluation "
        f"episodes of {config.length} epochs with certified bounds, and the training runs. All approaches of a seed meet the "
        f"same truths and, at one twin error, the same errors. Every learner trains for {config.training_episodes} episodes "
        f"of {config.length} epochs (the paper does not say how long an episode is), in as many updates as that takes it; "
        f"what each run took is in cells.csv. What breaks a constraint is {rewards}, CPU above the true capacity {cpu}, in "
        "training and in evaluation. A look plays the frozen episodes without exploration; nothing is chosen by looking."
    )
    yield (
        "Figs. 6 and 7 train the proposed approach with one kind of decision taken away: fixed CPU (a fixed fraction of the "
        "capacity that the twin shows), fixed bandwidth (an equal share for everybody), random access (drawn anew in every "
        "epoch). Whatever the learner answers there is replaced, in training and in evaluation. The fractions are near the "
        "best of a sweep, so that the figure shows what fixing costs and not what a bad constant costs. Random decisions "
        "learn nothing."
    )
    yield (
        "Figs. 8 and 9 play the trained policies at every size, without training again and without twin error. A policy reads "
        "sizes in what it sees. Blocks have all sizes in training; transactions have one, and the gap at each size shows how "
        "well the policy carries over. A transaction carries a model update; its size here is what it has besides."
    )
    yield (
        "Decisions may leave heads and committees off, which then have no delay: T is infinite in (10) and (13), and the "
        "benefit 0. Two numbers are shown. The mean over those who finish falls when slow ones are dropped: random decisions "
        "get few blocks confirmed, small and quick ones, and look fastest. The delay of equal worth, -ln(mean of exp(-A "
        "T))/A, counts 0 for who never finishes: it is the one delay that would earn everybody together the same benefit in "
        "(14) and (15). Neither is what the objective minimises, which weighs delay against cost; the oracle shows the delay "
        "of the largest utility."
    )
    yield (
        f"Intervals are {100 * config.level:g} % percentile bootstraps ({config.replicates} replicates) of interquartile "
        "means over the episodes of all seeds, resampled inside every seed and paired between approaches. They speak of "
        "these seeds; the last table shows each seed. Utilities are compared as gaps to the bound, in percent of the "
        "optimum. A comparison holds when its whole interval is on the claimed side (or inside the range), does not hold "
        "when none of it is, else it is not decided. A claim holds, or does not, when all its readings say so. It depends on "
        "calibration when one way to understand it holds in one calibration and not in another, and on the reading when it "
        "holds for one way to understand it and not for another. Verdicts are computed from the records by these rules."
    )
