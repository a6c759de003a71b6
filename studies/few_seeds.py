"""When a claim rests on too few seeds to be one. The one home of the limits.

Agarwal et al. (2021) show how often comparisons of few training runs turn around; ten runs per method are the least that is
asked for here, five the least that is worth a look.
"""

from __future__ import annotations

ENOUGH, SMOKE = 10, 5


def weakness(count: int, what: str = "seeds") -> str:
    """A remark for tables: empty from ten on."""
    if count >= ENOUGH:
        return ""
    return f"fewer than {SMOKE if count < SMOKE else ENOUGH} {what}"


def marked(count: int) -> str:
    """The number for a page's table, marked where it is too small."""
    return f"{count} (few)" if count < ENOUGH else str(count)


def warning(count: int, what: str = "seeds") -> str | None:
    """A line for people, None from ten on."""
    if count >= ENOUGH:
        return None
    one = {"seeds": "seed", "snapshots": "snapshot"}.get(what, what)
    rests = f"These numbers rest on {count} {one if count == 1 else what}"
    if count < SMOKE:
        return f"{rests}: enough to see that everything runs, too few to claim anything. Run at least {ENOUGH}."
    return f"{rests}: what they say is weak, and intervals speak of these {what} only. A claim needs at least {ENOUGH}."
