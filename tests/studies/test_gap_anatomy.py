"""Every gap split into solver slack, the twin's cost and the policy's own: by hand, and on measured policies."""

import numpy as np
import pandas as pd
import pytest

import twingap
from twingap.opt.errors import InputError
from twingap.studies.gap_anatomy import SHARES, anatomy_of
from twingap.studies.gap_statistics import interquartile_mean, stratified_bootstrap


def rows(policy, gaps, slack=0.01, sigma=0.1, seed=0, part="sum"):
    gaps = np.asarray(gaps)
    return pd.DataFrame(
        {
            "policy": policy,
            "decoding": "projection",
            "over_capacity": "clip",
            "sigma": sigma,
            "seed": seed,
            "part": part,
            "episode": np.arange(len(gaps)),
        }
        | {"gap": gaps, "gap_to_incumbent": gaps - slack}
    )


def table_of(*parts):
    return pd.concat(parts, ignore_index=True)


ORACLE, TRUSTING = rows("oracle", [0.01] * 4), rows("certainty_equivalent", [0.11, 0.21, 0.31, 0.41])
WISE = rows("wise", [0.06, 0.16, 0.36, 0.31])


def test_an_episode_by_hand():
    split = anatomy_of(table_of(ORACLE, TRUSTING, WISE)).episodes
    wise = split[split["policy"] == "wise"]
    np.testing.assert_allclose(wise["slack"], 0.01)
    np.testing.assert_allclose(wise["twin"], [0.1, 0.2, 0.3, 0.4])
    # Saves 0.05, 0.05, loses 0.05 more, saves 0.1.
    np.testing.assert_allclose(wise["own"], [-0.05, -0.05, 0.05, -0.1])
    np.testing.assert_allclose(split[split["policy"] == "certainty_equivalent"]["own"], 0.0, atol=1e-15)
    np.testing.assert_allclose(split[split["policy"] == "oracle"]["own"], [-0.1, -0.2, -0.3, -0.4])


def test_the_summary_by_hand():
    table = anatomy_of(table_of(ORACLE, TRUSTING, WISE)).table.set_index("policy")
    # Of four episodes the middle two count: gaps 0.16 and 0.31, twin 0.2 and 0.3.
    assert table.loc["wise", "gap"] == pytest.approx(0.235)
    assert table.loc["wise", "twin"] == pytest.approx(0.25)
    assert table.loc["wise", "own"] == pytest.approx(0.235 - 0.25 - 0.01)
    assert table["twin"].nunique() == 1
    assert (table["episodes"] == 4).all()
    assert (table["seeds"] == 1).all()


def test_intervals_draw_the_same_episodes_for_every_share():
    """``wise`` loses the twin's cost plus 0.02 in every episode: its own part is certain, the others are not."""
    shifted = rows("wise", TRUSTING["gap"] + 0.02)
    row = anatomy_of(table_of(ORACLE, TRUSTING, shifted), replicates=300).table.set_index("policy").loc["wise"]
    assert row["own_low"] == pytest.approx(0.02)
    assert row["own_high"] == pytest.approx(0.02)
    assert row["twin_high"] - row["twin_low"] > 0.05
    low, high = stratified_bootstrap([shifted["gap"]], np.random.default_rng(0), 300)
    assert (row["gap_low"], row["gap_high"]) == (low, high)


def test_rows_are_paired_by_episode_and_not_by_place():
    shuffled = table_of(WISE.iloc[::-1], TRUSTING.iloc[[2, 0, 3, 1]], ORACLE)
    split = anatomy_of(shuffled).episodes.query("policy == 'wise'").sort_values("episode")
    np.testing.assert_allclose(split["own"], [-0.05, -0.05, 0.05, -0.1])


def test_parts_errors_and_seeds_are_split_apart():
    local = [
        rows(name, gaps, part="local") for name, gaps in (("oracle", [0.1]), ("certainty_equivalent", [0.4]), ("wise", [0.2]))
    ]
    other = [rows(name, [gap], seed=1) for name, gap in (("oracle", 0.0), ("certainty_equivalent", 0.5), ("wise", 0.7))]
    split = anatomy_of(table_of(ORACLE, TRUSTING, WISE, *local, *other)).episodes
    assert split.query("policy == 'wise' and part == 'local'")["twin"].tolist() == pytest.approx([0.3])
    assert split.query("policy == 'wise' and seed == 1")["twin"].tolist() == pytest.approx([0.5])


def test_what_is_missing_is_said_and_nothing_is_guessed():
    anatomy = anatomy_of(table_of(WISE, ORACLE))
    assert anatomy.missing == ("certainty_equivalent is not among the policies measured",)
    assert not len(anatomy.table)
    assert not len(anatomy.episodes)
    assert {"gap", *SHARES} <= set(anatomy.table)
    later = [rows("wise", [0.3], sigma=0.2), rows("certainty_equivalent", [0.3], sigma=0.2)]
    partly = anatomy_of(table_of(ORACLE, TRUSTING, WISE, *later))
    assert partly.missing == ("oracle has no result at sigma 0.2, seed 0",)
    assert set(partly.table["sigma"]) == {0.1}


@pytest.fixture(scope="module")
def report():
    policies = {"trusting": "certainty_equivalent", "truth": "oracle", "off": "everything_off"}
    return twingap.measure_gap(policies, preset="tiny", sigma=[0.0, 0.1], epochs=4, seeds=[0, 1], episode_length=2)


def test_measured_shares_add_up_and_mean_what_they_say(report):
    anatomy = report.anatomy()
    for split in (anatomy.episodes, anatomy.table):
        np.testing.assert_allclose(split["slack"] + split["twin"] + split["own"], split["gap"], rtol=0, atol=1e-14)
        assert (split["slack"] >= 0.0).all()
    named = ["policy", "sigma", "part"]
    both = anatomy.table.merge(report.table(), on=named, suffixes=("", "_headline"))
    assert len(both) == len(report.table())
    for column in ("gap", "gap_low", "gap_high"):
        np.testing.assert_array_equal(both[column], both[f"{column}_headline"])
    episodes = report.episodes().merge(anatomy.episodes, on=[*named, "seed", "episode"], suffixes=("", "_split"))
    utility = episodes.pivot_table(index=["sigma", "seed", "part", "episode"], columns="policy", values="utility")
    scale = episodes.pivot_table(index=["sigma", "seed", "part", "episode"], columns="policy", values="gap_to_incumbent")
    own = episodes.pivot_table(index=["sigma", "seed", "part", "episode"], columns="policy", values="own")
    # Nothing on: gap_to_incumbent is sum P / sum |P|, the oracle earns P; so (U_c - U_off) / P is the own part.
    np.testing.assert_allclose(own["off"], scale["off"] * utility["trusting"] / utility["truth"], atol=1e-9)
    np.testing.assert_allclose(own["trusting"], 0.0, atol=1e-12)
    assert interquartile_mean(own["truth"].xs(0.1, level="sigma")) < 0.0
    np.testing.assert_allclose(own["truth"].xs(0.0, level="sigma"), 0.0, atol=1e-12)


def test_the_page_shows_the_split(report, tmp_path):
    report.write_html(tmp_path / "gap.html")
    text = (tmp_path / "gap.html").read_text()
    assert "What the gap is made of" in text
    assert 'id="anatomy"' in text
    assert (tmp_path / "gap-anatomy.svg").exists()


def test_without_its_references_measure_gap_refuses_and_the_page_says_so(tmp_path):
    report = twingap.measure_gap({"mine": "everything_off"}, preset="tiny", sigma=[0.1], epochs=2, episode_length=2)
    with pytest.raises(InputError, match=r"certainty_equivalent is not among .*; oracle is not among .*measure \"certainty"):
        report.anatomy()
    report.write_html(tmp_path / "gap.html")
    text = (tmp_path / "gap.html").read_text()
    assert "certainty_equivalent is not among the policies measured; oracle is not among" in text
    assert 'id="anatomy"' not in text
