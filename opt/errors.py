"""Errors a user can mend: one line that names the file, the field, what is wrong and what is allowed."""


class InputError(ValueError):
    """Bad input. ``str(error)`` is one line; the command line prints it and exits with code 2.

    Parameters
    ----------
    problem : what is wrong and what is allowed, e.g. ``"is -1.0; it must be > 0"``.
    field : path of the field, e.g. ``"global.committees[1].cycles[3]"``; empty when the whole file is meant.
    source : file (or argument) that holds the field; empty for data given in memory.
    """

    def __init__(self, problem: str, *, field: str = "", source: str = "") -> None:
        self.problem = " ".join(problem.split())
        self.field = field
        self.source = source
        super().__init__(": ".join(part for part in (source, field, self.problem) if part))

    def in_file(self, source: str) -> "InputError":
        """The same error, naming the file it was found in."""
        return InputError(self.problem, field=self.field, source=source)


class LicenceError(InputError):
    """A solver is there, but its licence is missing or does not allow this problem."""


class NothingFoundError(RuntimeError):
    """The input is fine and nothing came of it, as when all cells of a study failed. ``str(error)`` is one line, which the
    command line prints; it exits with code 1."""


class PolicyFailedError(NothingFoundError):
    """A policy ended (sys.exit) instead of answering; ``str(error)`` is one line that names it."""


class BrokenPromiseError(AssertionError):
    """A solver's answer is not what it promised, and is not given out: a bug, or numbers that floating point cannot hold."""


class FalseBoundError(BrokenPromiseError):
    """Something feasible earned more than a proved bound: a bug in the bound, never an acceptable result."""
