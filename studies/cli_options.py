"""What the commands share: exit codes and options."""

from typing import Annotated

import typer

NEGATIVE, BAD_INPUT, INTERRUPTED = 1, 2, 130

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
