"""Certificates: what proves a solver's bound, written to a file, and a checker that re-proves it without the solver.

Nothing here imports ``opt.solvers``. The checker restates the weak duality with its own code on top of the equations and the
reductions, and takes no number from a certificate but as a multiplier or a cut, for which any value gives a true bound.
"""
