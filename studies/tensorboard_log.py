"""A training run as TensorBoard event files: rewards and the learner's figures of every update, gap brackets of every look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..opt.errors import InputError
from ..rl.learners import UpdateRecord
from .validation import Look

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoardLog:
    """Writes scalars; the step is the number of updates. Names: reward/TEAM; TEAM/FIGURE with the learner's own figures (for
    mappo entropies and standard deviations per head, KL, clip fraction, learning rate); gap/PART and gap_to_incumbent/PART, the
    two ends of the bracket [as a fraction of the optimum]."""

    def __init__(self, writer: SummaryWriter) -> None:
        self.writer = writer

    def updated(self, record: UpdateRecord) -> None:
        """After an update."""
        rewards = {"reward/local": record.reward_local, "reward/global": record.reward_global}
        figures = {name.replace(".", "/", 1): value for name, value in record.figures.items()}
        for name, value in (rewards | figures | {"run/agent_steps": record.agent_steps}).items():
            self.writer.add_scalar(name, value, record.update)

    def looked(self, look: Look) -> None:
        """After a look at the validation epochs."""
        for part, (low, high) in look.gaps.items():
            self.writer.add_scalar(f"gap_to_incumbent/{part}", low, look.update)
            self.writer.add_scalar(f"gap/{part}", high, look.update)
        self.writer.flush()


@contextmanager
def tensorboard_log(directory: Path | None, updates: int) -> Iterator[TensorBoardLog | None]:
    """The log of a run that has done so many updates; None without a directory.

    What an interrupted run had logged beyond them is superseded. InputError when TensorBoard is not installed, or the directory
    is a file.
    """
    if directory is None:
        yield None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        problem = 'needs TensorBoard, which is not installed; pip install "twingap[tensorboard]"'
        raise InputError(problem, field="--tensorboard") from None
    if directory.exists() and not directory.is_dir():
        raise InputError("is a file; give a directory", source=str(directory))
    with SummaryWriter(str(directory), purge_step=updates + 1 if updates else None) as writer:
        yield TensorBoardLog(writer)
