"""Exported models: other solvers read them, and they state the same problem."""

import pytest

import twingap
from twingap.opt.errors import InputError
from twingap.opt.export import export_model
from twingap.opt.families import draw_family

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


@pytest.mark.slow
@pytest.mark.parametrize("family", ["tiny", "perlink"])
def test_lp_files_are_upper_bounds_near_our_optimum(family, tmp_path):
    highspy = pytest.importorskip("highspy")
    snapshot = draw_family(family, 1)
    (file,) = export_model(snapshot, "reduced", "lp", tmp_path / "model.lp", gap=2e-2)
    assert "upper bound" in file.read_text().splitlines()[1]
    highs = highspy.Highs()
    highs.silent()
    assert highs.readModel(str(file)) == highspy.HighsStatus.kOk
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    found = highs.getInfo().objective_function_value
    ours = twingap.solve(snapshot, gap=1e-6, time_limit=600)
    assert ours.objective * (1 - 1e-9) <= found <= ours.bound * 1.03


def test_lp_of_a_part_in_which_nobody_can_earn(tmp_path):
    highspy = pytest.importorskip("highspy")
    snapshot = twingap.draw("tiny", 0, local_benefit=1e-9)
    (file,) = export_model(snapshot, "reduced", "lp", tmp_path / "model.lp")
    highs = highspy.Highs()
    highs.silent()
    highs.readModel(str(file))
    highs.run()
    ours = twingap.solve(snapshot, gap=1e-6, time_limit=600)
    assert ours.objective * (1 - 1e-9) <= highs.getInfo().objective_function_value <= ours.bound * 1.02


def test_lp_is_read_by_scip(tmp_path):
    pyscipopt = pytest.importorskip("pyscipopt")
    (file,) = export_model(SNAPSHOT, "reduced", "lp", tmp_path / "model.lp")
    model = pyscipopt.Model()
    model.hideOutput()
    model.readProblem(str(file))
    model.setParam("limits/gap", 1e-4)
    model.optimize()
    ours = twingap.solve(SNAPSHOT, gap=1e-6, time_limit=600)
    assert model.getObjectiveSense() == "maximize"
    assert ours.objective * (1 - 1e-6) <= model.getDualbound() <= ours.bound * 1.02


def test_what_cannot_be_written_is_named(tmp_path):
    with pytest.raises(InputError, match=r"^format: 'lp' is linear and holds only .* nl or gms$"):
        export_model(SNAPSHOT, "link", "lp", tmp_path / "model.lp")
    with pytest.raises(InputError, match=r"^format: 'xyz' is unknown; it must be one of nl, gms, lp$"):
        export_model(SNAPSHOT, "link", "xyz", tmp_path / "model.lp")
    with pytest.raises(InputError, match=r"^formulation: is 'other'; it must be one of link, reduced$"):
        export_model(SNAPSHOT, "other", "nl", tmp_path / "model.nl")
    with pytest.raises(InputError, match=r"^gap: is 0\.0; it must be a number > 0$"):
        export_model(SNAPSHOT, "reduced", "lp", tmp_path / "model.lp", gap=0.0)
    with pytest.raises(InputError, match=r"whole_subchannels"):
        export_model(draw_family("whole", 0), "reduced", "lp", tmp_path / "model.lp")
    assert not list(tmp_path.iterdir())
