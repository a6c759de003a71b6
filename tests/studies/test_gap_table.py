from dataclasses import fields

import numpy as np
import pandas as pd

from twingap.studies.frozen_epochs import Certificate
from twingap.studies.gap_statistics import episode_gaps, interquartile_mean
from twingap.studies.gap_table import Measured, episode_table, gap_table, seed_gaps
from twingap.studies.scoring import Scores


def made_up(policy, sigma, seed, episodes):
    """A measurement of four epochs per episode."""
    rng = np.random.default_rng([seed, episodes, len(policy)])
    local, global_ = 10.0 + rng.random((2, episodes, 4))
    loss = rng.random((2, episodes, 4))
    delay = np.where(rng.random((2, episodes, 4)) < 0.4, np.nan, rng.random((2, episodes, 4)))
    share = rng.random((2, episodes, 4))
    of_parts = {"local_utility": local - loss[0], "global_utility": global_ - loss[1]}
    of_parts |= {"local_delay": delay[0], "heads_finished": share[0], "global_delay": delay[1], "aps_confirmed": share[1]}
    scores = Scores(**({each.name: np.zeros((episodes, 4)) for each in fields(Scores)} | of_parts))
    return Measured(policy, sigma, seed, Certificate("", local, global_, local - 0.1, global_ - 0.2), scores)


MEASURED = [made_up("one", 0.1, 4, 3), made_up("one", 0.1, 2, 5), made_up("other", 0.0, 4, 3)]


def test_one_row_per_measurement_part_and_episode_in_that_order():
    table = episode_table(MEASURED)
    named = [
        (each.policy, each.sigma, each.seed, part, episode)
        for each in MEASURED
        for part in ("sum", "local", "global")
        for episode in range(len(each.scores.local_utility))
    ]
    assert list(table[["policy", "sigma", "seed", "part", "episode"]].itertuples(index=False, name=None)) == named


def test_numbers_of_each_part_are_those_of_its_own_epochs():
    table = episode_table(MEASURED).set_index(["policy", "seed", "part", "episode"]).sort_index()
    for each in MEASURED:
        proved, earned = each.certificate, each.scores
        bound = {"local": proved.local_bound, "global": proved.global_bound}
        held = {"local": proved.local_incumbent, "global": proved.global_incumbent}
        utility = {"local": earned.local_utility, "global": earned.global_utility}
        for known in (bound, held, utility):
            known["sum"] = known["local"] + known["global"]
        for part in ("sum", "local", "global"):
            rows = table.loc[(each.policy, each.seed, part)]
            np.testing.assert_allclose(rows["utility"], utility[part].mean(axis=1), rtol=1e-14)
            np.testing.assert_allclose(rows["bound"], bound[part].mean(axis=1), rtol=1e-14)
            np.testing.assert_allclose(rows["gap"], episode_gaps(bound[part], utility[part], held[part]), rtol=1e-14)
            np.testing.assert_allclose(
                rows["gap_to_incumbent"], episode_gaps(held[part], utility[part], held[part]), rtol=1e-13
            )
        assert table.loc[(each.policy, each.seed, "sum"), ["delay", "finished"]].isna().all(axis=None)
        # pandas' mean leaves out what is missing, too.
        for part, delay, finished in (
            ("local", earned.local_delay, earned.heads_finished),
            ("global", earned.global_delay, earned.aps_confirmed),
        ):
            rows = table.loc[(each.policy, each.seed, part)]
            np.testing.assert_allclose(rows["delay"], pd.DataFrame(delay).mean(axis=1), rtol=1e-14)
            np.testing.assert_allclose(rows["finished"], finished.mean(axis=1), rtol=1e-14)


def test_the_order_of_rows_decides_nothing():
    episodes = episode_table(MEASURED)
    shuffled = episodes.sample(frac=1.0, random_state=0).sort_values(["policy", "sigma", "part", "episode"], kind="stable")
    names = ["policy", "sigma", "part"]
    first = gap_table(episodes, 200).set_index(names)
    second = gap_table(shuffled, 200).set_index(names).loc[first.index]
    pd.testing.assert_frame_equal(first, second)


def test_dots_are_the_interquartile_means_of_single_seeds():
    episodes = episode_table(MEASURED)
    dots = seed_gaps(episodes)
    assert len(dots) == 9
    for row in dots.to_dict("records"):
        here = np.logical_and.reduce([episodes[name] == row[name] for name in ("policy", "sigma", "part", "seed")])
        assert row["gap"] == interquartile_mean(episodes.loc[here, "gap"])
