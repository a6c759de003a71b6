"""The command line ``twingap``: exit 0 done, 1 a negative answer, 2 bad input (one line), 130 interrupted."""

from __future__ import annotations

import sys

import typer

from ..opt.errors import BrokenPromiseError, InputError, NothingFoundError
from .cli_options import BAD_INPUT, INTERRUPTED, NEGATIVE
from .snapshot_commands import draw, export, solve, solvers, verify
from .study_commands import measure, report, studies, study, train, tune

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


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except InputError as error:
        print(f"twingap: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except typer.TyperException as error:
        print(f"twingap: {' '.join(error.format_message().split())}; see twingap --help", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except NothingFoundError as error:
        print(f"twingap: {error}", file=sys.stderr)
        sys.exit(NEGATIVE)
    except BrokenPromiseError as error:
        print(f"twingap: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(NEGATIVE)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:
        print("twingap: interrupted", file=sys.stderr)
    sys.exit(code)
