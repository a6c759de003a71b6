"""The command line ``twingap``: exit 0 done, 1 a negative answer, 2 no answer (bad input, trouble: one line says which), 130
interrupted."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from ..opt.errors import BrokenPromiseError, InputError, NothingFoundError
from .cli_options import BAD_INPUT, INTERRUPTED, NEGATIVE
from .command_output import command_output
from .list_command import list_names
from .machine import installed_version
from .snapshot_commands import draw, export, solve, solvers, verify
from .study_commands import measure, report, studies, study, train, tune

# Set to anything, shows where an unexpected error comes from.
TRACEBACK = "TWINGAP_TRACEBACK"

app = typer.Typer(
    name="twingap",
    help="How far from optimal is a digital-twin-driven scheduler, and how much of that is the twin's error?",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# In the order in which --help lists them.
for command in (draw, solve, export, verify, solvers, train, measure, tune, study, studies, report):
    app.command()(command)
app.command("list")(list_names)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"twingap {installed_version('twingap')}")
        raise typer.Exit


@app.callback()
def _of_all_commands(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command line and exit with its code."""
    with command_output():
        code = _run(sys.argv[1:] or ["--help"])
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """Code of the command; whatever ends it is one line."""
    try:
        code = app(arguments, prog_name="twingap", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except InputError as error:
        return _end(BAD_INPUT, str(error))
    except typer.TyperException as error:
        return _end(BAD_INPUT, f"{error.format_message()}; see twingap --help")
    except NothingFoundError as error:
        return _end(NEGATIVE, str(error))
    except BrokenPromiseError as error:
        return _end(NEGATIVE, f"{type(error).__name__}: {error}")
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except (Exception, SystemExit) as error:
        # Ours end otherwise; this is a bug, a full memory or disk, or a plug-in's way to end.
        return _end(BAD_INPUT, _unexpected(error))
    return _end(INTERRUPTED, "interrupted") if code == INTERRUPTED else code or 0


def _end(code: int, line: str) -> int:
    print(f"twingap: {' '.join(line.split())}", file=sys.stderr)
    return code


def _unexpected(error: BaseException) -> str:
    """What, where, and how to see more. Code 1 would be a negative answer, and there is none."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    *_, last = traceback.extract_tb(error.__traceback__) or [None]
    place = "" if last is None else f" ({Path(last.filename).name}, line {last.lineno})"
    return f"unexpected {type(error).__name__}: {error}{place}; {TRACEBACK}=1 shows the traceback"
