"""Tuning of learners with Optuna, on the gap to the certified bound."""
