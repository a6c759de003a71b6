"""Certificates re-proved in ball arithmetic: what ``check.verify_rigorously`` accepts is a theorem about the snapshot's numbers.

A program of its own: python-flint's ``arb`` for every number, the files and what they hold from the rest of ``opt``, and
nothing else. ``docs/proof-format.md`` states each rule with its proof; the docstrings here say where it is used.
"""
