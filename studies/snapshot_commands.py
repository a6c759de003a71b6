"""Commands about one snapshot: draw it, solve it, write it as a model, check what is claimed of it; and which solvers exist.

Heavy packages are imported inside the command that needs them: ``solve`` never imports torch, pandas or matplotlib.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..opt.errors import InputError
from .cli_options import NEGATIVE, JsonOption
from .command_output import aside

SnapshotArgument = Annotated[Path, typer.Argument(help="Snapshot file (JSON).")]


def draw(
    output: Annotated[Path, typer.Option(help="Snapshot file to write.")],
    preset: Annotated[str | None, typer.Option(help="Scenario: tiny, paper (default), plant or campus.")] = None,
    family: Annotated[str | None, typer.Option(help="Instead of a preset, a family: tiny, scarce, cap, ...")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
) -> None:
    """Draw a snapshot of a preset scenario, or of a family of instances."""
    from ..opt.drawing import draw as draw_snapshot
    from ..opt.families import draw_family
    from ..opt.snapshot_file import save_snapshot

    if preset is not None and family is not None:
        raise InputError("goes without --preset: a family has its own", field="--family")
    snapshot = draw_snapshot(preset or "paper", seed) if family is None else draw_family(family, seed)
    save_snapshot(snapshot, output)
    typer.echo(f"wrote {snapshot.name} to {output}")


def solve(
    snapshot: SnapshotArgument,
    solver: Annotated[str, typer.Option(help="Registered solver; `twingap solvers` lists them.")] = "decomposition",
    gap: Annotated[float, typer.Option(help="Relative gap at which to stop.")] = 1e-4,
    time_limit: Annotated[float, typer.Option(help="Seconds after which to stop with what is held.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of solvers that draw.")] = 0,
    memory_limit: Annotated[float, typer.Option(help="GB of memory that solving may take.")] = 3.0,
    output: Annotated[Path | None, typer.Option(help="Solution file to write.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="Certificate file to write: what proves the bound.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Solve a snapshot: the best decision found and a proved upper bound. Exit 1 when nothing was found.

    Ctrl-C (or SIGTERM) ends the solver at once; what it holds is printed and written, exit 130. A second one ends everything.
    """
    from ..opt.certificate.certificate_file import save_certificate
    from ..opt.interrupt import SolveInterrupted, ends_the_process
    from ..opt.snapshot_file import load_snapshot
    from ..opt.solution_file import save_solution, solution_to_json
    from ..opt.solve import solve as run

    epoch = load_snapshot(snapshot)
    try:
        with ends_the_process():
            result = aside(run)(epoch, solver, gap, time_limit, seed, certificate is not None, memory_limit)
    except SolveInterrupted as interrupted:
        result = interrupted.result
    if output is not None:
        save_solution(result, epoch, output)
    if certificate is not None and result.certificate is not None:
        save_certificate(result.certificate, certificate)
    if as_json:
        content = solution_to_json(result, epoch)
        del content["decision"]
        typer.echo(json.dumps(content | {"stages": result.stages}))
    else:
        parts = (("local", result.local), ("global", result.global_))
        lines = [
            ("objective", f"{result.objective:.9g}"),
            ("bound", f"{result.bound:.9g}" + (f" ({result.proof})" if result.proof else "")),
            ("gap", f"{result.gap:.3e}"),
            ("stopped", result.stopped),
            ("holds", result.holds),
            *((name, f"objective {part.objective:.9g}, bound {part.bound:.9g}") for name, part in parts),
            ("seconds", f"{result.seconds:.4f}"),
            *((f"  {stage}", f"{seconds:.4f}") for stage, seconds in result.stages.items()),
        ]
        width = max(len(name) for name, _ in lines) + 2
        for name, text in lines:
            typer.echo(f"{name:{width}s}{text}")
    if certificate is not None and result.certificate is None:
        typer.echo(f"nothing that can be certified was proved ({result.stopped}), so {certificate} was not written", err=True)
    if result.stopped == "interrupted":
        raise KeyboardInterrupt
    if certificate is not None and result.certificate is None:
        raise typer.Exit(NEGATIVE)
    if result.holds == "none":
        raise typer.Exit(NEGATIVE)


def export(
    snapshot: SnapshotArgument,
    output: Annotated[Path, typer.Option(help="Model file to write.")],
    formulation: Annotated[str, typer.Option(help="link (the equations as printed) or reduced.")] = "reduced",
    format_: Annotated[
        str, typer.Option("--format", help="nl (AMPL), gms (GAMS), or lp: a linear relaxation, a bound.")
    ] = "nl",
    gap: Annotated[float, typer.Option(help="lp: refine the relaxation until this relative gap is proved.")] = 1e-2,
    time_limit: Annotated[float, typer.Option(help="lp: seconds after which it is written as it is.")] = 60.0,
) -> None:
    """Write Problem (16) of a snapshot as a model file for other solvers."""
    from ..opt.export import export_model
    from ..opt.snapshot_file import load_snapshot

    files = export_model(load_snapshot(snapshot), formulation, format_, output, gap, time_limit)
    typer.echo(f"wrote {', '.join(map(str, files))}")


def verify(
    snapshot: SnapshotArgument,
    solution: Annotated[Path, typer.Argument(help="Solution file (JSON).")],
    certificate: Annotated[Path | None, typer.Option(help="Certificate of the bound, to be re-proved.")] = None,
    rigorous: Annotated[bool, typer.Option("--rigorous", help="Re-prove it in ball arithmetic too: a theorem.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Re-evaluate a solution's decision, constraints and objective by the equations alone, and re-prove its bound where a
    certificate is given. Exit 1 when a claim fails."""
    if rigorous and certificate is None:
        raise InputError("re-proves a certificate; give it with --certificate FILE", field="--rigorous")
    from ..opt.certificate.certificate_file import load_certificate
    from ..opt.certificate.check import verify_certificate
    from ..opt.snapshot_file import load_snapshot
    from ..opt.solution_file import load_solution
    from ..opt.verify import verify as check

    epoch = load_snapshot(snapshot)
    claims = load_solution(solution, epoch)
    found = check(epoch, claims)
    if certificate is not None:
        proof = load_certificate(certificate)
        found = replace(found, checks=found.checks + verify_certificate(epoch, claims, proof))
        if rigorous:
            from ..opt.rigorous.check import verify_rigorously

            found = replace(found, checks=found.checks + verify_rigorously(epoch, claims, proof))
    if as_json:
        checks = [{"name": each.name, "holds": each.holds, "detail": each.detail} for each in found.checks]
        typer.echo(json.dumps({"holds": found.holds, "checks": checks}))
    else:
        for each in found.checks:
            typer.echo(f"{'ok    ' if each.holds else 'FAILED'} {each.name}: {each.detail}")
        typer.echo("the solution is what it claims" if found.holds else "the solution is not what it claims")
    if not found.holds:
        raise typer.Exit(NEGATIVE)


def solvers(as_json: JsonOption = False) -> None:
    """List every registered solver: what it can prove, and whether it is installed and why not."""
    from ..opt.registry import registered_solvers

    known = aside(registered_solvers)()
    if as_json:
        rows = {
            name: {
                "proves": entry.proves,
                "handles": entry.handles,
                "origin": entry.origin,
                "installed": not entry.why_not,
                "missing": list(entry.missing),
                "why_not": entry.why_not,
            }
            for name, entry in known.items()
        }
        typer.echo(json.dumps(rows))
        return
    for name, entry in known.items():
        state = f"not installed: {entry.why_not}" if entry.why_not else "installed"
        typer.echo(f"{name} ({entry.origin}, {state})\n  proves:  {entry.proves}\n  handles: {entry.handles}")
