"""Certificates re-proved in ball arithmetic: what ``check.verify_rigorously`` accepts is a theorem about a snapshot's numbers.

A program of its own: python-flint's ``arb``, and of the rest of ``opt`` the files. ``docs/proof-format.md`` has the proofs.
"""

from importlib.util import find_spec

from ..errors import InputError

if find_spec("flint") is None:
    raise InputError("needs python-flint; install the extra: pip install 'twingap[rigorous]'", field="rigorous")
