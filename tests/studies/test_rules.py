"""Reward rules and treatments of C2 as axes of the gap study."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from twingap.opt.errors import InputError
from twingap.rl.decoding import PROJECTED, Rules
from twingap.studies.config import checked
from twingap.studies.gap import cells_of_gap
from twingap.studies.gap_anatomy import anatomy_of
from twingap.studies.gap_config import GapConfig
from twingap.studies.gap_table import by_rules, gap_table
from twingap.studies.report.gap_page import GapContent, gap_page
from twingap.studies.report.page import Picture, write_page

SMALL = {"preset": "tiny", "sigma": [0.0], "seeds": [0], "policies": ["static"]}


def rules_of(**changes):
    return checked(GapConfig, SMALL | changes).rules


def test_every_decoding_has_its_own_treatment_or_all_that_are_named():
    assert rules_of() == (PROJECTED,)
    assert rules_of(decoding=["projection", "as_printed"]) == (PROJECTED, Rules("as_printed", "void"))
    crossed = rules_of(decoding=["projection", "as_printed"], over_capacity=["clip", "void"])
    assert crossed == tuple(Rules(d, c) for d in ("projection", "as_printed") for c in ("clip", "void"))


def test_cells_differ_by_rules_and_the_usual_ones_are_not_named():
    config = checked(GapConfig, SMALL | {"over_capacity": ["clip", "void"]})
    bounds, usual, void = cells_of_gap(config)
    assert usual.title == "static, sigma 0, seed 0"
    assert void.title == "static (projection, void), sigma 0, seed 0"
    assert void.settings["rules"] == {"decoding": "projection", "over_capacity": "void"}
    assert usual.needs == void.needs == (bounds.key,)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"decoding": []}, "decoding"),
        ({"decoding": ["strict"]}, "decoding"),
        ({"decoding": ["projection", "projection"]}, "decoding"),
        ({"over_capacity": ["cut"]}, "over_capacity"),
        ({"policies": ["gradient"], "decoding": ["as_printed"]}, "decoding"),
        ({"policies": ["gradient"], "over_capacity": ["void"]}, "over_capacity"),
    ],
)
def test_what_is_not_allowed_is_one_line(changes, field):
    with pytest.raises(InputError) as raised:
        cells_of_gap(checked(GapConfig, SMALL | changes))
    assert raised.value.field.startswith(field)


def episodes(rules, gap):
    """Four episodes of oracle and certainty equivalence with gaps 0 and ``gap`` on every part."""
    rows = [
        {"policy": policy, "decoding": rules.decoding, "over_capacity": rules.over_capacity, "sigma": 0.1, "seed": 0}
        | {"part": part, "episode": episode, "utility": 1.0 - lost, "bound": 1.0, "incumbent": 1.0, "gap": lost}
        | {"gap_to_incumbent": lost, "delay": np.nan, "finished": np.nan, "voided": lost}
        for policy, lost in (("oracle", 0.0), ("certainty_equivalent", gap))
        for part in ("sum", "local", "global")
        for episode in range(4)
    ]
    return pd.DataFrame(rows)


def test_tables_and_page_keep_rules_apart(tmp_path):
    void = replace(PROJECTED, over_capacity="void")
    every = pd.concat([episodes(PROJECTED, 0.2), episodes(void, 0.6)], ignore_index=True)
    table, anatomy = gap_table(every, 100), anatomy_of(every, 100)
    assert list(by_rules(table)) == [PROJECTED, void]
    for rules, lost in ((PROJECTED, 0.2), (void, 0.6)):
        rows = by_rules(table)[rules].set_index(["policy", "part"])
        assert rows.loc[("certainty_equivalent", "sum"), "gap"] == pytest.approx(lost)
        assert rows.loc[("certainty_equivalent", "sum"), "voided"] == pytest.approx(lost)
        assert by_rules(anatomy.table)[rules]["twin"].to_numpy() == pytest.approx(lost)
    page = gap_page(GapContent(every, table, anatomy, {}))
    names = [block.name for section in page.sections for block in section.blocks if isinstance(block, Picture)]
    assert len(names) == len(set(names)) == 6
    write_page(page, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "Figures: projection, clip" in text
    assert "Figures: projection, void" in text
