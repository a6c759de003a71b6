"""Every field of a snapshot file wrong in every way: one line with the field's path, exit code 2, no output file."""

import copy
import json

import pytest

from twingap.opt.errors import InputError
from twingap.opt.snapshot_file import load_snapshot, snapshot_from_json
from twingap.studies.cli import main

POSITIVE_NUMBERS = {
    "local": ["subchannel_hz", "subchannels_max", "benefit", "decay", "arrival_rate", "multicast_bits"],
    "global": ["subchannel_hz", "subchannels_max", "timeout", "benefit", "decay"],
    "global.committees[1]": ["block_bits"],
}
NON_NEGATIVE_NUMBERS = {
    "local": ["spectrum_cost", "cpu_cost", "cache_multiplier", "multicast_batch", "confirmation_weight"],
    "global": ["spectrum_cost", "cpu_cost"],
    "global.committees[1]": ["capacity"],
}
POSITIVE_VECTORS = {
    "local": ["upload_bits", "cpu_max_hz", "sinr_uplink", "accuracy"],
    "global.committees[1]": ["cpu_max_hz", "sinr_access"],
}
NON_NEGATIVE_VECTORS = {"local": ["cycles", "cumulative_weight"], "global.committees[1]": ["cycles"]}
WORDS = {"local": ["multicast"], "global": ["multicast", "timeout_rule"]}
SWITCHES = {"local": ["whole_subchannels", "floor_adaptation"], "global": ["whole_subchannels"]}
REMOVED = object()
NOT_NUMBERS = {"null": None, "string": "3", "true": True, "list": [1.0], "infinite": float("inf"), "nan": float("nan")}
HUGE = 10**400


def faults():
    """(path of the object, key, index or None, replacement, path that the error must name)."""
    for owner, keys in [*POSITIVE_NUMBERS.items(), *NON_NEGATIVE_NUMBERS.items()]:
        for key in keys:
            yield owner, key, None, REMOVED, f"{owner}.{key}"
            yield owner, key, None, -1.0, f"{owner}.{key}"
            for wrong in [*NOT_NUMBERS.values(), HUGE]:
                yield owner, key, None, wrong, f"{owner}.{key}"
    for owner, keys in POSITIVE_NUMBERS.items():
        for key in keys:
            yield owner, key, None, 0.0, f"{owner}.{key}"
    for owner, keys in [*POSITIVE_VECTORS.items(), *NON_NEGATIVE_VECTORS.items()]:
        for key in keys:
            yield owner, key, None, REMOVED, f"{owner}.{key}"
            yield owner, key, None, 3.0, f"{owner}.{key}"
            yield owner, key, None, {}, f"{owner}.{key}"
            yield owner, key, 1, -2.0, f"{owner}.{key}[1]"
            for wrong in NOT_NUMBERS.values():
                yield owner, key, 1, wrong, f"{owner}.{key}[1]"
            yield owner, key, "longer", 1.0, f"{owner}.{key}"
            yield owner, key, "shorter", None, f"{owner}.{key}"
    for owner, keys in POSITIVE_VECTORS.items():
        for key in keys:
            yield owner, key, 0, 0.0, f"{owner}.{key}[0]"
    yield "local", "accuracy", 2, 1.5, "local.accuracy[2]"
    yield "global.committees[0]", "capacity", None, 1.5, "global.committees[0].capacity"
    yield "global.committees[0]", "capacity", None, 0, "global.committees"
    for owner, keys in WORDS.items():
        for key in keys:
            for wrong in (REMOVED, "neither", 1, None, ""):
                yield owner, key, None, wrong, f"{owner}.{key}"
    for owner, keys in SWITCHES.items():
        for key in keys:
            for wrong in (REMOVED, "true", 1, None):
                yield owner, key, None, wrong, f"{owner}.{key}"
    for wrong, path in (
        ([0, 0, 0, 1], "local.accuracy"),
        ([0, 0, 0, 1, 3], "local.ap"),
        ([0, 0, 0, 1, 9], "local.ap[4]"),
        ([0, 0, 1, 0, 2], "local.ap[3]"),
        ([0, 0, 0, 1, 1.5], "local.ap[4]"),
        ([0, 0, 0, 1, -1], "local.ap[4]"),
        ([0, 0, 0, 1, "2"], "local.ap[4]"),
        ([], "local.ap"),
        ("0", "local.ap"),
    ):
        yield "local", "ap", None, wrong, path
    square = [[0.0, 3.0, 15.0], [1.0, 0.0, 7.0], [1.0, 3.0, 0.0]]
    for wrong, path in (
        (REMOVED, "local.sinr_peer"),
        ([square, [[0.0]]], "local.sinr_peer"),
        ([square, [[0.0]], 4], "local.sinr_peer[2]"),
        ([square[:2], [[0.0]], [[0.0]]], "local.sinr_peer[0]"),
        ([[*square[:2], [1.0, 3.0]], [[0.0]], [[0.0]]], "local.sinr_peer[0][2]"),
        ([[*square[:2], [1.0, -3.0, 0.0]], [[0.0]], [[0.0]]], "local.sinr_peer[0][2][1]"),
        ([[*square[:2], [1.0, 0.0, 0.0]], [[0.0]], [[0.0]]], "local.sinr_peer[0][2][1]"),
        ([square, [[None]], [[0.0]]], "local.sinr_peer[1][0][0]"),
    ):
        yield "local", "sinr_peer", None, wrong, path
    for wrong, path in (
        (REMOVED, "global.committees[1].sinr_peer"),
        ([[0.0, 1.0]], "global.committees[1].sinr_peer"),
        ([[0.0, 1.0], [7.0]], "global.committees[1].sinr_peer[1]"),
        ([[0.0, 1.0], [float("nan"), 0.0]], "global.committees[1].sinr_peer[1][0]"),
    ):
        yield "global.committees[1]", "sinr_peer", None, wrong, path
    for wrong, path in (
        ([], "global.committees"),
        ("none", "global.committees"),
        ([3], "global.committees[0]"),
        (REMOVED, "global.committees"),
    ):
        yield "global", "committees", None, wrong, path
    yield "global.committees[1]", "cycles", None, [5.0], "global.committees[1].cycles"
    for owner in ("local", "global", "global.committees[0]"):
        yield owner, "colour", None, "blue", f"{owner}.colour"
    for key, wrong, path in (
        ("format", "twingap.solution", "format"),
        ("format", REMOVED, "format"),
        ("version", 2, "version"),
        ("version", True, "version"),
        ("version", REMOVED, "version"),
        ("name", REMOVED, "name"),
        ("name", 7, "name"),
        ("name", "", "name"),
        ("local", REMOVED, "local"),
        ("local", [], "local"),
        ("global", None, "global"),
        ("colour", "blue", "colour"),
    ):
        yield "", key, None, wrong, path


FAULTS = list(faults())


def described(fault):
    _, _, index, wrong, path = fault
    return f"{path}-{index}-{'removed' if wrong is REMOVED else str(wrong)[:12]}"


def owner_of(content, path):
    target = content
    for step in filter(None, path.replace("[", ".[").split(".")):
        target = target[int(step[1:-1])] if step.startswith("[") else target[step]
    return target


def spoil(content, owner, key, index, wrong):
    target = owner_of(content, owner)
    if wrong is REMOVED:
        del target[key]
    elif index is None:
        target[key] = wrong
    elif index == "longer":
        target[key].append(wrong)
    elif index == "shorter":
        target[key].pop()
    else:
        target[key][index] = wrong
    return content


def test_there_are_many_faults():
    assert len(FAULTS) > 250


@pytest.mark.parametrize("fault", FAULTS, ids=described)
def test_each_fault_names_its_field(by_hand_json, fault):
    owner, key, index, wrong, path = fault
    content = spoil(by_hand_json, owner, key, index, wrong)
    with pytest.raises(InputError) as caught:
        snapshot_from_json(content, "some.json")
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("some.json: ")
    # Cutting or stretching `ap` or a committee's first vector shows up where lengths first disagree.
    expected = {path}
    if key == "cycles" and owner.startswith("global") and index in ("longer", "shorter"):
        expected = {"global.committees[1].cpu_max_hz", "global.committees[1].cycles"}
    assert caught.value.field in expected, line


@pytest.mark.parametrize("fault", FAULTS[::5], ids=described)
def test_the_command_line_refuses_with_exit_code_2(by_hand_json, tmp_path, monkeypatch, capsys, fault):
    owner, key, index, wrong, path = fault
    file, output = tmp_path / "bad.json", tmp_path / "solution.json"
    file.write_text(json.dumps(spoil(copy.deepcopy(by_hand_json), owner, key, index, wrong)))
    monkeypatch.setattr("sys.argv", ["twingap", "solve", str(file), "--output", str(output)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    shown = capsys.readouterr()
    lines = shown.err.strip().splitlines()
    assert len(lines) == 1, shown.err
    assert shown.out == ""
    assert str(file) in lines[0]
    assert path.split("[")[0].split(".")[-1] in lines[0]
    assert sorted(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON"),
        ('{"format": "twingap.snapshot", "vers', "truncated"),
        ("[]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('{"format": "a", "format": "b"}', "twice"),
        ('{"x": NaN}', "finite"),
        ('{"x": ' + "[" * 900 + "1" + "]" * 900 + "}", "format"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_files_that_are_not_snapshots(tmp_path, text, words):
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        load_snapshot(file)
    assert caught.value.source == str(file)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_snapshot(tmp_path / "missing.json")
    with pytest.raises(InputError, match="cannot be read"):
        load_snapshot(tmp_path)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        load_snapshot(tmp_path / "binary.json")
