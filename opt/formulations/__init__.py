"""Pyomo models of Problem (16): ``link`` (the equations as printed) and ``reduced`` (what equalisation leaves of them).

They restate the equations, which only the evaluator owns; tests tie each to it on random decisions. Needs the extra ``pyomo``.
"""
