"""Commands about learners and studies: train, measure, tune, run, report. Heavy packages are imported inside the commands."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from .cli_options import NEGATIVE, JsonOption
from .command_output import aside

if TYPE_CHECKING:
    from .run_study import Findings

PresetOption = Annotated[str, typer.Option(help="Scenario: tiny, paper, plant or campus.")]


def train(
    name: Annotated[str, typer.Argument(help="Registered learner, for example mappo.")],
    output: Annotated[Path, typer.Option(help="Checkpoint to write (safetensors).")],
    preset: PresetOption = "paper",
    sigma: Annotated[float, typer.Option(help="Twin error.")] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of system, epochs and training.")] = 0,
    updates: Annotated[int | None, typer.Option(min=1, help="Updates; the study's number without it.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Checkpoint of the same run to go on from.")] = None,
    config: Annotated[Path | None, typer.Option(help="Study file whose learners: names NAME; tune writes one.")] = None,
    looks: Annotated[int | None, typer.Option(min=1, help="Looks at validation epochs.", show_default="20")] = None,
    keep: Annotated[str | None, typer.Option(help="Weights to measure: last, or best look.", show_default="last")] = None,
    patience: Annotated[int | None, typer.Option(min=1, help="End after so many looks without a better one.")] = None,
    tensorboard: Annotated[Path | None, typer.Option(help="Directory for TensorBoard event files.")] = None,
    decoding: Annotated[str, typer.Option(help="projection, or as_printed: broken constraints are paid 0.")] = "projection",
    over_capacity: Annotated[str | None, typer.Option(help="CPU above the true capacity: clip or void.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a learner, write a checkpoint, and print its gap to the certified bound on the seed's frozen epochs."""
    from .train_command import train_to_checkpoint

    rules = {"decoding": decoding, "over_capacity": over_capacity}
    given = {"looks": looks, "keep": keep, "patience": patience}
    validation = {option: value for option, value in given.items() if value is not None}
    found = aside(train_to_checkpoint)(
        name,
        preset,
        sigma,
        seed,
        output,
        updates=updates,
        resume=resume,
        config=config,
        validation=validation,
        **rules,
        tensorboard=tensorboard,
        console=Console(stderr=True),
    )
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    rate = found.agent_steps / max(found.seconds, 1e-9)
    typer.echo(f"{found.updates} updates, {found.agent_steps} agent steps in {found.seconds:.1f} s ({rate:.0f} per s)")
    typer.echo(f"gap to the certified bound: {100 * found.gaps['sum']:.2f} % ({found.kept}, update {found.kept_update})")
    typer.echo(f"  local part {100 * found.gaps['local']:.2f} %, global part {100 * found.gaps['global']:.2f} %")
    typer.echo(f"wrote {output}")


def measure(
    snapshots: Annotated[Path, typer.Argument(help="Your epochs: a folder of snapshot files, one file, or a table (CSV).")],
    policy: Annotated[list[str], typer.Option(help="Baseline, checkpoint file or module:function; repeat it for more.")],
    base: Annotated[Path | None, typer.Option(help="Of a table: the snapshot that holds what does not change.")] = None,
    history: Annotated[Path | None, typer.Option(help="Earlier epochs, which say what policies may know beforehand.")] = None,
    sigma: Annotated[
        list[float] | None, typer.Option(help="Twin error; repeat it for more.", show_default="0, 0.05, 0.1")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Draws of the twin's errors.")] = 1,
    length: Annotated[int, typer.Option(min=1, help="Consecutive epochs that are compared as one unit.")] = 1,
    output: Annotated[Path | None, typer.Option(help="Page to write (HTML).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure schedulers on epochs of your own: gaps to the certified bound of each."""
    from .gap_report import table_lines
    from .measure_command import measure_own

    errors = sigma or [0.0, 0.05, 0.1]
    console = Console(stderr=True)
    found = measure_own(snapshots, policy, errors, base=base, history=history, seeds=seeds, length=length, console=console)
    if output is not None:
        found.write_html(output)
    if as_json:
        typer.echo(found.table().to_json(orient="records"))
        return
    for line in table_lines(found.table()):
        typer.echo(line)
    if output is not None:
        typer.echo(f"wrote {output}")


def tune(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Registered learner.")],
    trials: Annotated[int, typer.Option(help="Finished trials that the study shall have in the end.")] = 30,
    storage: Annotated[str, typer.Option(help="Path of a journal file, or a database as in sqlite:///FILE.")] = "",
    output: Annotated[
        Path | None, typer.Option(help="Directory of best.yaml, table and report.", show_default="results/tune-NAME")
    ] = None,
    preset: PresetOption = "paper",
    sigma: Annotated[float, typer.Option(help="Twin error.")] = 0.1,
    seeds: Annotated[int, typer.Option(help="Systems that every trial is trained and measured on.")] = 3,
    episodes: Annotated[int, typer.Option(help="Frozen episodes per seed.")] = 10,
    length: Annotated[int, typer.Option(help="Epochs of an episode.")] = 10,
    updates: Annotated[int | None, typer.Option(help="Updates of a training run; the learner's number without it.")] = None,
    num_envs: Annotated[int | None, typer.Option(help="Environments; the learner's number without it.")] = None,
    looks: Annotated[int, typer.Option(help="Measurements per run, each a chance to prune it.")] = 8,
    vary: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Vary only this setting of the space; may be repeated.")
    ] = None,
    given: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Setting that all runs have; may be repeated.")
    ] = None,
    fresh_seeds: Annotated[int, typer.Option(help="Systems that the best settings and the defaults are compared on.")] = 3,
    workers: Annotated[int, typer.Option(help="Trials at a time, each in a process with one thread.")] = 1,
    study_name: Annotated[str | None, typer.Option("--study", help="Name in the storage.", show_default="NAME")] = None,
    heartbeat: Annotated[float, typer.Option(help="Databases: seconds between signs of life of a worker.")] = 10.0,
    compare: Annotated[bool, typer.Option(help="Compare the best settings with the defaults on fresh seeds.")] = True,
    space: Annotated[bool, typer.Option("--space", help="Only print the search space.")] = False,
) -> None:
    """Tune a learner on its gap to the certified bound with Optuna; started again, or twice at once, it goes on with what is
    missing. Exit 1 when no trial is complete."""
    from .tuning_command import given_settings, print_space, run_tuning

    if space:
        print_space(name)
        return
    values = {"learner": name, "preset": preset, "sigma": sigma, "seeds": seeds, "episodes": episodes, "length": length}
    values |= {"updates": updates, "num_envs": num_envs, "looks": looks, "vary": vary or (), "fresh_seeds": fresh_seeds}
    values["fixed"] = given_settings(given or [])
    directory = Path("results", f"tune-{name}") if output is None else output
    if not run_tuning(values, trials, storage, directory, study_name, workers, heartbeat, compare):
        raise typer.Exit(NEGATIVE)


def study(
    name: Annotated[str, typer.Argument(help="Study to run; `twingap studies` lists them.")],
    config: Annotated[Path | None, typer.Option(help="Configuration (YAML); without it the defaults.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Directory of records, tables and report.", show_default="results/NAME")
    ] = None,
    workers: Annotated[int, typer.Option(help="Cells at a time, each a process with one thread.")] = 2,
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler to run the cells, or local.")] = None,
    shard: Annotated[str | None, typer.Option(help="Only the i-th of n parts, as i/n; for job arrays.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run again the cells that failed.")] = False,
) -> None:
    """Run a study; started again, it continues with what is missing. Exit 1 when a cell failed."""
    from .run_study import results_directory, run_study

    directory = results_directory(name) if output is None else output
    findings = aside(run_study)(name, config, directory, workers=workers, dask=dask, shard=shard, retry_failed=retry_failed)
    if findings is None:
        typer.echo(f"shard {shard} is done, other cells are not yet; when they are: twingap report {directory}")
    else:
        _show(findings, directory)


def studies() -> None:
    """List every registered study."""
    from .registry import find_study, registered_studies

    for name, target in registered_studies().items():
        module = sys.modules[aside(find_study)(name).cells.__module__]
        typer.echo(f"{name} ({target.partition(':')[0]})\n  {(module.__doc__ or '').strip().splitlines()[0]}")


def report(
    results: Annotated[Path, typer.Argument(help="Directory of a study.")],
    parquet: Annotated[bool, typer.Option("--parquet", help="Write the tables as Parquet beside CSV, too.")] = False,
) -> None:
    """Tables, figures and the page of a study from its records. Exit 1 when a cell failed or was not run."""
    from .run_study import report_study

    _show(report_study(results, parquet=parquet), results)


def _show(findings: Findings, directory: Path) -> None:
    """Print what was found and what failed."""
    from .run_study import PAGE

    for line in findings.lines:
        typer.echo(line)
    typer.echo(f"report: {directory / PAGE}")
    for failure in findings.outcome.failures:
        typer.echo(f"FAILED {failure['title']}: {failure['error']}", err=True)
    if findings.outcome.failures:
        raise typer.Exit(NEGATIVE)
