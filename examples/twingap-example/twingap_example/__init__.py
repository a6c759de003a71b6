"""A solver and a baseline for twingap, each in a file of its own."""
