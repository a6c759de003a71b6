"""Snapshot files: what is read is what was written, and nothing is guessed."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twingap.opt.errors import InputError
from twingap.opt.files import write_atomically
from twingap.opt.snapshot import HeadLayout
from twingap.opt.snapshot_file import load_snapshot, save_snapshot, snapshot_from_json, snapshot_to_json


def test_round_trip_keeps_every_number_and_the_extras(by_hand_json, tmp_path):
    by_hand_json["x_note"] = {"any": "thing"}
    by_hand_json["certified_elsewhere"] = {"local": {"primal": 1.0}}
    by_hand_json["global"]["committees"][1]["x_site"] = "north"
    by_hand_json["local"]["sinr_uplink"][0] = 0.1 + 0.2
    snapshot = snapshot_from_json(by_hand_json)
    save_snapshot(snapshot, tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text()) == by_hand_json
    again = load_snapshot(tmp_path / "s.json")
    assert snapshot_to_json(again) == by_hand_json
    assert again.local.sinr_uplink[0] == 0.1 + 0.2


def test_zero_prices_and_whole_numbers_are_legal(by_hand_json):
    by_hand_json["local"] |= {"spectrum_cost": 0, "cpu_cost": 0}
    by_hand_json["global"] |= {"spectrum_cost": 0, "cpu_cost": 0, "subchannels_max": 7}
    assert snapshot_from_json(by_hand_json).global_.subchannels_max == 7.0


def test_arrays_are_read_only(by_hand):
    with pytest.raises(ValueError, match="read-only"):
        by_hand().local.sinr_uplink[0] = 1.0


def test_a_batch_is_not_a_file(by_hand):
    import dataclasses

    snapshot = by_hand()
    local = dataclasses.replace(snapshot.local, sinr_uplink=np.stack([snapshot.local.sinr_uplink] * 2))
    batch = dataclasses.replace(snapshot, local=local)
    assert batch.batch_shape == (2,)
    with pytest.raises(InputError, match="one epoch"):
        snapshot_to_json(batch)
    assert snapshot_to_json(batch.at(1))["local"] == snapshot_to_json(snapshot)["local"]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_layout_places_every_head_once(sizes):
    ap = np.repeat(np.arange(len(sizes)), sizes)
    layout = HeadLayout.of(ap)
    assert layout.heads.tolist() == sizes
    assert (layout.head[layout.ap, layout.rank] == np.arange(len(ap))).all()
    assert sorted(layout.head[layout.is_head]) == list(range(len(ap)))
    assert layout.is_link.sum() == sum(n * (n - 1) for n in sizes)


def test_writing_replaces_whole_files_only(tmp_path, monkeypatch):
    target = tmp_path / "file.txt"
    write_atomically(target, "old")
    write_atomically(target, "new")
    assert target.read_text() == "new"

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("twingap.opt.files.os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(target, "never")
    assert target.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_unwritable_places_are_named(tmp_path):
    with pytest.raises(InputError, match="cannot be written") as caught:
        write_atomically(tmp_path / "no" / "file.txt", "x")
    assert caught.value.source == str(tmp_path / "no" / "file.txt")
