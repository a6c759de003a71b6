"""The Markov decision process under twin error, and the learners that face it. Builds on opt, never on baselines or studies."""
