"""The optimisation problem: scenario, snapshot, equations, solvers with certificates. Never imports torch."""
