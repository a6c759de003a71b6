"""Solvers: each is a function (Snapshot, Budget, Generator) -> Answer, named in ``opt.registry``."""
