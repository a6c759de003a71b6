"""What solvers and schedulers answer, taken in by one rule: plain arrays of real numbers, each fault one line that names it.

An answer is taken as a copy: a solver that uses its buffers again changes nothing that was answered before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from .arguments import is_number, shown
from .arrays import Floats, Integers, floats, integers
from .certificate.proof import Certificate
from .decision import Decision, GlobalDecision, LocalDecision
from .errors import InputError, NothingFoundError
from .result import Answer, Budget, Stopped, TracePoint
from .snapshot import Snapshot

# numpy's kinds of real numbers; true and false count where they are asked for.
REAL = "fiu"


def plain_array(values: object, field: str, *, switches: bool = False) -> NDArray[Any]:
    """The values as a numpy array of real numbers, not copied where they are one. InputError naming the field.

    Taken: numpy arrays, torch tensors that need no gradient (known by their attributes: ``opt`` never imports torch), and what
    else turns itself into a numpy array. Refused: lists and numbers alone (which may be anything), masked arrays, complex
    numbers, objects, text, and true and false unless ``switches``.
    """
    given = cast(Any, values)
    if isinstance(given, np.ma.MaskedArray):
        raise InputError("is a masked array; fill it first", field=field)
    if getattr(given, "requires_grad", False) is True:
        raise InputError("is a tensor that requires grad; call .detach() first", field=field)
    kind = cast(Any, type(given))
    if issubclass(kind, np.ndarray):
        array = given
    elif hasattr(kind, "__array__") and not issubclass(kind, np.generic):
        array = _turned(given, field)
    else:
        raise InputError(f"is {_what(given)}; it must be a numpy array", field=field)
    if array.dtype.kind not in (REAL + "b" if switches else REAL):
        raise InputError(f"holds {array.dtype}; it must hold real numbers", field=field)
    return cast("NDArray[Any]", array)


def _what(given: object) -> str:
    return "None" if given is None else f"a {type(given).__name__}"


def _turned(given: Any, field: str) -> Any:
    """What is no numpy array, as one."""
    try:
        if hasattr(given, "detach") and hasattr(given, "numpy"):
            # A tensor: numpy's own way in is deprecated for it, and knows no devices.
            host = given.detach().cpu()
            # What numpy has no type for (bfloat16) is still a real number.
            return host.double().numpy() if host.is_floating_point() else host.numpy()
        return np.asarray(given)
    except Exception as error:
        # Somebody else's conversion: whatever it raises, there is no array.
        raise InputError(f"is {type(given).__name__}, which is no array of numbers ({error})", field=field) from None


def amounts(values: object, field: str) -> Floats:
    """A read-only float64 copy; InputError naming the field."""
    array = plain_array(values, field)
    with np.errstate(over="ignore"):
        # What float64 cannot hold becomes infinite, and nobody takes infinite amounts.
        return floats(array)


def committees(values: object, field: str) -> Integers:
    """Indices as a read-only int64 copy: whole numbers of any real type, never cut to be so. InputError naming the field."""
    array = plain_array(values, field)
    with np.errstate(invalid="ignore"):
        # NaN, infinity and what int64 cannot hold are outside.
        inside = np.abs(array.astype(np.float64)) < 2.0**53
    if not (inside.all() and (array == np.rint(array)).all()):
        raise InputError("names no committees: every entry must be a whole number, the index of a committee", field=field)
    return integers(array)


def plain_decision(answer: Decision) -> Decision:
    """The decision as read-only copies: float64, access int64. InputError naming the field; shapes are ``check_shapes``'s."""
    local, global_ = cast(Any, answer.local), cast(Any, answer.global_)
    if not isinstance(local, LocalDecision):
        raise InputError(f"is {shown(local)}; it must be a LocalDecision", field="local")
    if not isinstance(global_, GlobalDecision):
        raise InputError(f"is {shown(global_)}; it must be a GlobalDecision", field="global")

    def optional(values: object, field: str) -> Floats | None:
        return None if values is None else amounts(values, field)

    return Decision(
        LocalDecision(
            amounts(local.uplink, "local.uplink"),
            amounts(local.cpu_hz, "local.cpu_hz"),
            optional(local.multicast, "local.multicast"),
            optional(local.peer, "local.peer"),
        ),
        GlobalDecision(
            committees(global_.access, "global.access"),
            amounts(global_.request, "global.request"),
            amounts(global_.cpu_hz, "global.cpu_hz"),
            optional(global_.multicast, "global.multicast"),
            optional(global_.peer, "global.peer"),
        ),
    )


def answer_of(
    run: Callable[[Snapshot, Budget, np.random.Generator], object],
    solver: str,
    snapshot: Snapshot,
    budget: Budget,
    rng: np.random.Generator,
) -> Answer:
    """What a solver answers, checked (``checked_answer``). What it raises goes through, with a note that names it; sys.exit
    becomes a NothingFoundError."""
    try:
        answer = run(snapshot, budget, rng)
    except SystemExit as error:
        raise NothingFoundError(f"solver {solver!r} called sys.exit({error.code!r}) on {snapshot.name}") from None
    except InputError:
        # One line already.
        raise
    except Exception as error:
        error.add_note(f"solver {solver!r} raised this on {snapshot.name}")
        raise
    return checked_answer(answer, solver)


def checked_answer(answer: object, solver: str) -> Answer:
    """What a solver answered, its decision as copies; one InputError naming the solver for anything but an Answer that holds
    what Answer says."""

    def refuse(problem: str) -> InputError:
        return InputError(f"answered {problem}; a solver must return an opt.result.Answer", source=f"solver {solver!r}")

    if not isinstance(answer, Answer):
        raise refuse(shown(answer))
    given = cast(Any, answer)
    for name in ("local_bound", "global_bound"):
        bound: object = getattr(given, name)
        if not is_number(bound) or not float(cast(float, bound)) > -np.inf:
            raise refuse(f"{name} {shown(bound)}, which is no number (+inf where nothing is proved)")
    wanted = {
        "proof": (isinstance(given.proof, str), "a text"),
        "stopped": (given.stopped in get_args(Stopped), f"one of {', '.join(get_args(Stopped))}"),
        "trace": (_is_trace(given.trace), "a tuple of TracePoint"),
        "stages": (_is_stages(given.stages), "seconds by name"),
        "certificate": (given.certificate is None or isinstance(given.certificate, Certificate), "a Certificate or None"),
        "decision": (given.decision is None or isinstance(given.decision, Decision), "a Decision or None"),
    }
    for name, (holds, allowed) in wanted.items():
        if not holds:
            raise refuse(f"{name} {shown(getattr(given, name))}, which is not {allowed}")
    bounds = {"local_bound": float(given.local_bound), "global_bound": float(given.global_bound)}
    if given.decision is None:
        return replace(answer, **bounds)
    try:
        return replace(answer, **bounds, decision=plain_decision(given.decision))
    except InputError as error:
        raise error.in_file(f"solver {solver!r}: decision") from None


def _is_trace(trace: Any) -> bool:
    return isinstance(trace, tuple) and all(isinstance(point, TracePoint) for point in cast("tuple[Any, ...]", trace))


def _is_stages(stages: Any) -> bool:
    if not isinstance(stages, dict):
        return False
    return all(isinstance(name, str) and is_number(spent) for name, spent in cast("dict[Any, Any]", stages).items())
