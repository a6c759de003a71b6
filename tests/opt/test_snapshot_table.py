"""Epochs of one's own from a folder or a table: what is changed is changed, and every fault names file, row and column."""

import json

import numpy as np
import pandas as pd
import pytest

import twingap
from twingap.opt.errors import InputError
from twingap.opt.snapshot_file import snapshot_from_json, snapshot_to_json

HEADER = "epoch,local.sinr_uplink[3],local.sinr_peer[0][1][2],global.committees[1].capacity,global.committees[0].cpu_max_hz[2]"
COLUMNS = HEADER.split(",")


@pytest.fixture(scope="module")
def base():
    return twingap.draw("tiny", seed=0)


def test_a_table_changes_what_it_names_and_nothing_else(base, tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text(HEADER + "\nmonday,2.5,3.5,2,6e9\n\ntuesday,1e-3,4.5,3.0,7e9\n")
    one, two = twingap.load_snapshots(path, base)
    assert [one.name, two.name] == ["monday", "tuesday"]
    assert (one.local.sinr_uplink[3], two.local.sinr_uplink[3]) == (2.5, 1e-3)
    assert (one.local.sinr_peer[0, 1, 2], two.local.sinr_peer[0, 1, 2]) == (3.5, 4.5)
    assert (one.global_.capacity[1], two.global_.capacity[1]) == (2, 3)
    assert (one.global_.cpu_max_hz[0, 2], two.global_.cpu_max_hz[0, 2]) == (6e9, 7e9)
    expected = snapshot_to_json(base)
    expected["name"] = "monday"
    expected["local"]["sinr_uplink"][3], expected["local"]["sinr_peer"][0][1][2] = 2.5, 3.5
    expected["global"]["committees"][1]["capacity"], expected["global"]["committees"][0]["cpu_max_hz"][2] = 2, 6e9
    assert snapshot_to_json(one) == expected


def test_a_data_frame_is_the_same_and_its_bounds_can_be_had(base, tmp_path):
    frame = pd.DataFrame({"local.sinr_uplink[0]": [1.0, 100.0], "global.committees[0].block_bits": [4e7, 8e6]})
    twingap.save_snapshot(base, tmp_path / "base.json")
    frame.to_csv(tmp_path / "trace.csv", index=False)
    from_frame = twingap.load_snapshots(frame, base)
    from_file = twingap.load_snapshots(str(tmp_path / "trace.csv"), tmp_path / "base.json")
    assert [snapshot_to_json(each) for each in from_frame] == [snapshot_to_json(each) for each in from_file]
    assert [each.name for each in from_frame] == [f"{base.name}-1", f"{base.name}-2"]
    worse, better = twingap.solve_batch(from_frame)
    assert worse.bound < better.objective


def test_what_is_certified_of_the_base_is_not_said_of_its_epochs(base):
    content = snapshot_to_json(base) | {"certified_elsewhere": {"bound": 1.0}, "x_source": "plant 7"}
    (epoch,) = twingap.load_snapshots(pd.DataFrame({"local.benefit": [50.0]}), snapshot_from_json(content))
    assert epoch.extras == {"": {"x_source": "plant 7"}}


def test_a_folder_in_the_order_of_names(base, tmp_path):
    for name, seed in (("b", 1), ("a", 2)):
        twingap.save_snapshot(twingap.draw("tiny", seed=seed), tmp_path / f"{name}.json")
    (tmp_path / "notes.txt").write_text("not a snapshot")
    loaded = twingap.load_snapshots(tmp_path)
    assert [each.name for each in loaded] == ["tiny-2", "tiny-1"]
    with pytest.raises(InputError, match=r"^base: is given, but a folder"):
        twingap.load_snapshots(tmp_path, base)
    content = json.loads((tmp_path / "b.json").read_text())
    content["local"]["sinr_uplink"][1] = -1.0
    (tmp_path / "b.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"b\.json: local\.sinr_uplink\[1\]: is -1"):
        twingap.load_snapshots(tmp_path)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("local.sinr_uplink[3]\n1\n-2\n", r"trace\.csv, row 2: local\.sinr_uplink\[3\]: is -2.0; it must be > 0"),
        ("local.sinr_uplink[3]\n1\nnan\n", r"trace\.csv, row 2: local\.sinr_uplink\[3\]: is 'nan'; it must be a finite number"),
        ("local.sinr_uplink[3]\nfast\n", r"row 1: local\.sinr_uplink\[3\]: is 'fast'; it must be a finite number"),
        ("local.sinr_uplink[3],local.benefit\n1,\n", r"row 1: local\.benefit: is ''; it must be a finite number"),
        ("local.sinr_uplink[3],local.benefit\n1\n", r"row 1: has 1 entries; the header has 2"),
        ("local.sinr_uplink[99]\n1\n", r"trace\.csv: local\.sinr_uplink\[99\]: is no field of the base snapshot"),
        ("local.sinr_uplink[" + 5000 * "9" + "]\n1\n", "is no field of the base snapshot"),
        ("local.sinr_uplink\n1\n", r"local\.sinr_uplink: is no single number"),
        ("local.floor_adaptation\n1\n", r"local\.floor_adaptation: is no single number"),
        ("local.weather\n1\n", r"local\.weather: is no field"),
        ("local.sinr_uplink[-1]\n1\n", r"local\.sinr_uplink\[-1\]: is no field"),
        ("local..benefit\n1\n", r"local\.\.benefit: is no field"),
        ("local.benefit.x\n1\n", r"local\.benefit\.x: is no field"),
        ("local[0]\n1\n", r"local\[0\]: is no field"),
        (",local.benefit\n1,1\n", r"is no field"),
        ("local.benefit,local.benefit\n1,1\n", r"local\.benefit: stands in the header twice"),
        ("global.committees[1].capacity\n2.5\n", r"row 1: global\.committees\[1\]\.capacity: is 2.5"),
        ("local.benefit\n", r"trace\.csv: has no rows"),
        ("", r"trace\.csv: is empty"),
        ('local.benefit\n"1\n', r"trace\.csv: is not CSV"),
    ],
)
def test_every_fault_is_one_line(base, tmp_path, text, error):
    (tmp_path / "trace.csv").write_text(text)
    with pytest.raises(InputError, match=error) as caught:
        twingap.load_snapshots(tmp_path / "trace.csv", base)
    assert "\n" not in str(caught.value)


def test_missing_files_and_bases(base, tmp_path):
    with pytest.raises(InputError, match=r"nothing\.csv: cannot be read"):
        twingap.load_snapshots(tmp_path / "nothing.csv", base)
    with pytest.raises(InputError, match="holds no"):
        twingap.load_snapshots(tmp_path)
    with pytest.raises(InputError, match="base: is missing"):
        twingap.load_snapshots(pd.DataFrame({"local.benefit": [1.0]}))
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        twingap.load_snapshots(tmp_path / "bytes.csv", base)
    truths = twingap.make_env("tiny", num_envs=2)
    truths.reset()
    with pytest.raises(InputError, match="base: is a batch"):
        twingap.load_snapshots(pd.DataFrame({"local.benefit": [1.0]}), truths.truth)


def test_true_and_numbers_of_numpy(base):
    with pytest.raises(InputError, match=r"table, row 1: local\.benefit: is True"):
        twingap.load_snapshots(pd.DataFrame({"local.benefit": [True]}), base)
    (whole,) = twingap.load_snapshots(pd.DataFrame({"local.benefit": np.array([7], dtype=np.int32)}), base)
    assert whole.local.benefit == 7.0
