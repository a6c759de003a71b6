"""Families of instances: reproducible, valid as files, and what their notes say."""

import numpy as np
import pytest

from twingap.opt.errors import InputError
from twingap.opt.families import FAMILIES, draw_family
from twingap.opt.snapshot_file import snapshot_from_json, snapshot_to_json

NAMES = [
    "tiny",
    "small",
    "scarce",
    "identical",
    "perlink",
    "cap",
    "smooth",
    "whole",
    "whole_perlink",
    "shards",
    "paper",
    "paper_perlink",
    "plant",
    "starved",
]


def test_families_are_the_fourteen_promised():
    assert list(FAMILIES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_draws_are_valid_named_and_reproducible(name):
    content = snapshot_to_json(draw_family(name, 3))
    assert content["name"] == f"family-{name}-3"
    assert snapshot_to_json(snapshot_from_json(content, "here")) == content
    assert snapshot_to_json(draw_family(name, 3)) == content
    assert snapshot_to_json(draw_family(name, 4))["global"] != content["global"]
    assert FAMILIES[name].note


def test_identical_heads_are_equal_in_every_number_and_differ_between_seeds():
    local, other = draw_family("identical", 0).local, draw_family("identical", 1).local
    for field in ("accuracy", "cycles", "upload_bits", "cumulative_weight", "cpu_max_hz", "sinr_uplink"):
        assert np.all(getattr(local, field) == getattr(local, field)[0])
        if field != "upload_bits":
            assert getattr(local, field)[0] != getattr(other, field)[0]
    assert np.all(local.sinr_peer[local.layout.is_link] == local.sinr_uplink[0])


def test_changes_go_on_top_of_the_family():
    assert draw_family("scarce", 0, local_subchannels=2.5).local.subchannels_max == 2.5
    assert draw_family("scarce", 0, local_subchannels=2.5).local.decay == 1.0
    with pytest.raises(InputError, match=r"^family: is 'huge'; allowed: tiny, small, scarce"):
        draw_family("huge")
    with pytest.raises(InputError, match=r"^scenario\.aps: "):
        draw_family("tiny", aps=0)
