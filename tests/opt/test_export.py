"""Exported models: other solvers read them, and they state the same problem."""

import pytest

import twingap
from twingap.opt.errors import InputError
from twingap.opt.export import export_model

pytest.importorskip("pyomo.environ")

SNAPSHOT = twingap.draw("tiny", 0, heads_per_ap=(1, 1), delegates=(2, 2))


@pytest.mark.parametrize("formulation", ["link", "reduced"])
def test_nl_files_are_read_and_solved_to_our_optimum(formulation, tmp_path):
    pyscipopt = pytest.importorskip("pyscipopt")
    files = export_model(SNAPSHOT, formulation, "nl", tmp_path / "model.nl")
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(file.name for file in files)
    assert (tmp_path / "model.col").read_text().splitlines()[0]
    model = pyscipopt.Model()
    model.hideOutput()
    model.readProblem(str(tmp_path / "model.nl"))
    model.setParam("limits/time", 3)
    model.setParam("limits/gap", 1e-3)
    model.setParam("numerics/feastol", 1e-9)
    model.optimize()
    ours = twingap.solve(SNAPSHOT, gap=1e-6)
    assert model.getObjectiveSense() == "maximize"
    assert model.getDualbound() >= ours.objective * (1 - 1e-6)
    assert model.getObjVal() <= ours.bound * (1 + 1e-6)


@pytest.mark.parametrize("formulation", ["link", "reduced"])
def test_gams_files_maximise(formulation, tmp_path):
    (file,) = export_model(SNAPSHOT, formulation, "gms", tmp_path / "model.gms")
    text = file.read_text()
    assert "maximizing" in text.lower()
    assert "exp(" in text


def test_what_cannot_be_written_is_named(tmp_path):
    with pytest.raises(InputError, match=r"^format: 'lp' cannot hold .* nl, gms$"):
        export_model(SNAPSHOT, "link", "lp", tmp_path / "model.lp")
    with pytest.raises(InputError, match=r"^format: 'xyz' is unknown"):
        export_model(SNAPSHOT, "link", "xyz", tmp_path / "model.lp")
    with pytest.raises(InputError, match=r"^formulation: is 'other'; it must be one of link, reduced$"):
        export_model(SNAPSHOT, "other", "nl", tmp_path / "model.nl")
    assert not list(tmp_path.iterdir())
