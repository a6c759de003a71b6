"""Certificates re-proved in ball arithmetic: what ``check.verify_rigorously`` accepts is a theorem about a snapshot's numbers.

A program of its own: python-flint's ``arb`` for every number, the files and what they hold from the rest of ``opt``, nothing
else. ``docs/proof-format.md`` (local part) and ``docs/proof-format-global.md`` state each rule with its proof.
"""

from importlib.util import find_spec

from ..errors import InputError

if find_spec("flint") is None:
    raise InputError("needs python-flint; install the extra: pip install 'twingap[rigorous]'", field="rigorous")
