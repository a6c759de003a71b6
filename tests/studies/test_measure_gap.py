"""The API for other people's schedulers, and the tables that it shares with the study."""

import numpy as np
import pytest

import twingap
from twingap.baselines.nothing import nothing
from twingap.opt.errors import InputError
from twingap.studies.gap_statistics import interquartile_mean
from twingap.studies.gap_table import seed_gaps

SETTINGS = {"preset": "tiny", "sigma": [0.0, 0.1], "epochs": 6, "seeds": [0, 1], "episode_length": 2}


class Mine:
    def act(self, observation):
        return nothing(observation.twin)


@pytest.fixture(scope="module")
def report():
    policies = {"function": lambda seen: nothing(seen.twin), "object": Mine(), "ours": "certainty_equivalent"}
    return twingap.measure_gap(policies, **SETTINGS)


def test_the_table_by_hand(report):
    episodes, table = report.episodes(), report.table()
    assert len(table) == 3 * 2 * 3
    assert len(episodes) == 3 * 2 * 3 * 2 * 3
    for _, row in table.iterrows():
        of = (episodes["policy"] == row["policy"]) & (episodes["sigma"] == row["sigma"]) & (episodes["part"] == row["part"])
        assert row["gap"] == pytest.approx(float(interquartile_mean(episodes.loc[of, "gap"])))
        assert row["gap_low"] <= row["gap"] <= row["gap_high"]
        assert row["gap_to_incumbent"] <= row["gap"]
        assert (row["seeds"], row["episodes"]) == (2, 6)


def test_parts_add_up_in_utility(report):
    wide = report.episodes().pivot_table(index=["policy", "sigma", "seed", "episode"], columns="part", values="utility")
    np.testing.assert_allclose(wide["sum"], wide["local"] + wide["global"])


def test_functions_and_objects_are_the_same_and_doing_nothing_loses_everything(report):
    table = report.table()
    for name in ("function", "object"):
        rows = table[table["policy"] == name]
        np.testing.assert_allclose(rows["utility"], 0.0)
        np.testing.assert_allclose(rows["gap"], 1.0, atol=1e-3)


def test_the_twins_error_costs_something_and_nothing_without_it(report):
    rows = report.table().query("policy == 'ours' and part == 'sum'").set_index("sigma")["gap"]
    assert rows[0.0] < 2e-3
    assert rows[0.1] > 1e-2


def test_bounds_are_shared_by_all_policies_and_errors(report):
    assert (report.episodes().groupby(["seed", "part", "episode"])["bound"].nunique() == 1).all()


def test_seed_gaps(report):
    dots = seed_gaps(report.episodes())
    assert len(dots) == 3 * 2 * 3 * 2


def test_the_page(report, tmp_path):
    page = tmp_path / "mine.html"
    report.write_html(page)
    text = page.read_text()
    assert text.count("<svg") == 2
    assert "certainty" not in text.split("How to read it")[0].split("<figure")[0]
    assert "function" in text
    with pytest.raises(InputError):
        report.write_html(tmp_path / "nowhere" / "page.html")


def test_a_void_epoch_earns_nothing_and_costs_the_whole_gap(tmp_path):
    """The solver that trusts the twin asks for more CPU than there is; the oracle never does."""
    policies = {"trusting": "certainty_equivalent", "knowing": "oracle"}
    settings = SETTINGS | {"sigma": [0.2], "epochs": 40, "seeds": [0]}
    void = twingap.measure_gap(policies, **settings, over_capacity="void")
    clip = twingap.measure_gap(policies, **settings)
    table, usual = (each.table().query("part == 'sum'").set_index("policy") for each in (void, clip))
    assert set(table["over_capacity"]) == {"void"}
    assert 0.1 < table.loc["trusting", "voided"] < 1.0
    assert table.loc["knowing", "voided"] == 0.0
    assert usual["voided"].eq(0.0).all()
    assert table.loc["knowing", "gap"] == usual.loc["knowing", "gap"]
    assert table.loc["trusting", "gap"] > usual.loc["trusting", "gap"] + 0.05
    single = twingap.measure_gap({"trusting": "certainty_equivalent"}, **settings | {"episode_length": 1}, over_capacity="void")
    empty = single.episodes().query("voided == 1")
    np.testing.assert_array_equal(empty["utility"], 0.0)
    np.testing.assert_allclose(empty["gap_to_incumbent"], 1.0)
    assert empty.query("part == 'local'")["finished"].eq(0.0).all()
    void.write_html(tmp_path / "void.html")
    assert "executed at the capacity" in (tmp_path / "void.html").read_text()


@pytest.mark.parametrize(
    ("policies", "changes", "field"),
    [
        ({}, {}, "policies"),
        ({"x": 3}, {}, "policies"),
        ({"x": "psychic"}, {}, "baseline"),
        ({"x": Mine()}, {"epochs": 5}, "epochs"),
        ({"x": Mine()}, {"sigma": []}, "sigma"),
        ({"x": Mine()}, {"seeds": []}, "seeds"),
        ({"x": Mine()}, {"sigma": [-1.0]}, "sigma"),
        ({"x": Mine()}, {"preset": "huge"}, "preset"),
        ({"x": Mine()}, {"decoding": "guess"}, "decoding"),
        ({"x": Mine()}, {"over_capacity": "guess"}, "over_capacity"),
        ({"x": Mine()}, {"planets": 9}, "planets"),
    ],
)
def test_bad_arguments(policies, changes, field):
    with pytest.raises(InputError) as error:
        twingap.measure_gap(policies, **{**SETTINGS, "seeds": [0], **changes})
    assert field in str(error.value)
