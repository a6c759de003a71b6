"""Study files are read as strictly as snapshots: nothing is taken for something else, at any depth."""

import io
import math
import time

import pytest
import yaml

from twingap.opt.errors import InputError
from twingap.opt.reading import read_json
from twingap.studies.config import checked, read_config
from twingap.studies.gap import STUDY as GAP
from twingap.studies.gap_config import GapConfig
from twingap.studies.registry import find_study, registered_studies
from twingap.studies.validation import Validation
from twingap.studies.yaml_text import dump_yaml, parse_yaml

# What stands in the file and what the line says.
TRAPS = {
    "no": "true or false",
    "Yes": "true or false",
    "on": "true or false",
    "OFF": "true or false",
    "1:30": "base 60",
    "-1:30:05.5": "base 60",
    "010": "octal",
    "-07.5": "octal",
    "0o17": "decimal",
    "0x1F": "decimal",
    "0b11": "decimal",
    "1_000": "digits alone",
    "1_000.5e3": "digits alone",
    ".inf": "finite",
    "-.Inf": "finite",
    ".NaN": "finite",
    "1e999": "too large",
    "9" * 401: "too long",
    "*there": "alias",
    "&here 1": "anchor",
    "!!float 3": "tag",
    "!!python/object/apply:os.system [ls]": "tag",
    "{<<: {a: 1}}": "merge key",
    "{a: 1, a: 2}": "twice",
    "{1: 2}": "a key that is 1",
    "{true: 2}": "a key that is True",
    "{~: 2}": "a key that is no word",
    "{? [1] : 2}": "a key that is no word",
    "{no: 2}": "true or false",
    '"\\ud800"': "surrogate",
    "[" * 100 + "]" * 100: "nested deeper",
    "[" * 100_000: "nested deeper",
    "{a: " * 100 + "1" + "}" * 100: "nested deeper",
}


@pytest.mark.parametrize(("value", "said"), TRAPS.items(), ids=[key[:20] for key in TRAPS])
def test_traps_are_one_line_with_file_and_path(value, said):
    started = time.process_time()
    for text, path in ((f"outer:\n  inner: {value}", "outer.inner"), (f'"a": {{"b": [1, {value}]}}', "a.b[1]")):
        with pytest.raises(InputError) as refused:
            parse_yaml(text, "file.yaml")
        line = str(refused.value)
        assert line.startswith("file.yaml: ")
        assert "\n" not in line
        assert said in line
        assert path in line
    assert time.process_time() - started < 20.0


def test_a_bomb_of_aliases_is_refused_before_it_is_built():
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{here}: &{here} [{', '.join([f'*{before}'] * 9)}]\n" for before, here in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(InputError, match="anchor"):
        parse_yaml(text)


def test_values_are_what_they_look_like():
    text = (
        "{a: 1e-4, b: [-1, +2, .5, 5., 1E3, 0, -0.0], c: true, d: FALSE, e: ~, f: , g: 2001-01-01, h: '010', i: \"no\", j: a b}"
    )
    found = parse_yaml(text)
    b = [-1, 2, 0.5, 5.0, 1000.0, 0, -0.0]
    assert found == {"a": 1e-4, "b": b, "c": True, "d": False, "e": None, "f": None} | {
        "g": "2001-01-01",
        "h": "010",
        "i": "no",
        "j": "a b",
    }
    assert [type(each) for each in found["b"]] == [type(each) for each in b]
    assert parse_yaml("\ufeffa: |\n  010\n  no\n") == {"a": "010\nno\n"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("---\n...\n", "holds null"),
        ("[1]", "holds a list"),
        ("a: 1\n---\na: 2", "several documents"),
        ("a: - b", "readable YAML"),
        ('a: "\\UFFFFFFFF"', "readable YAML"),
        ("a: \0", "readable YAML"),
    ],
)
def test_what_is_no_configuration_at_all(tmp_path, text, said):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError, match=said) as refused:
        read_config(GapConfig, tmp_path / "a.yaml")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", sorted(registered_studies()))
def test_our_own_configurations_come_back(name):
    study = find_study(name)
    config = checked(study.config, dict(study.tiny))
    whole = config.model_dump(mode="json")
    assert checked(study.config, parse_yaml(dump_yaml(whole))) == config
    assert yaml.safe_load(io.StringIO(dump_yaml(whole))) == whole


def test_any_text_comes_back():
    texts = [
        "no",
        "010",
        "1e5",
        "0o7",
        "1:30",
        "1_0",
        ".5",
        "5.",
        "+5",
        "<<",
        "",
        "~",
        "null",
        "a: b",
        "- x",
        "'",
        "#",
        "=x",
        "é\n",
        "\t",
    ]
    content = {text: [text, {"deep": text}] for text in texts} | {"numbers": [1e-5, 1e22, 5e-324, 0.1 + 0.2, -3, 10**30]}
    assert parse_yaml(dump_yaml(content)) == content
    same = [1, 2]
    assert parse_yaml(dump_yaml({"a": same, "b": same})) == {"a": same, "b": same}


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("sigma: [true]", "sigma[0]"),
        ("sigma: ['0.1']", "sigma[0]"),
        ("seeds: [true, false]", "seeds[0]"),
        ("seeds: [1.5]", "seeds[0]"),
        ("episodes: true", "episodes"),
        ("episodes: '3'", "episodes"),
        ("cell_time_limit: true", "cell_time_limit"),
        ("level: '0.9'", "level"),
        ("preset: 3", "preset"),
        ("policies: static", "policies"),
        ("training: {updates: true}", "training.updates"),
        ("training: {validation: {looks: true}}", "training.validation.looks"),
        ("training: {validation: {looks: 3, speed: 1}}", "training.validation.speed"),
        ("learners: {m: {learner: mappo, tuned_on: [true]}}", "learners.m.tuned_on[0]"),
        ("learners: {m: {learner: mappo, num_envs: '4'}}", "learners.m.num_envs"),
        ("scenario: {aps: true}\npolicies: [static]", "scenario.aps"),
        ("scenario: {heads_per_ap: [1, true]}\npolicies: [static]", "scenario.heads_per_ap"),
        ("policies: [m]\nlearners: {m: {learner: mappo, settings: {updates: true}}}", "settings.updates"),
        ("policies: [m]\nlearners: {m: {learner: mappo, settings: {local: {clip: true}}}}", "settings.local.clip"),
        ("policies: [m]\nlearners: {m: {learner: mappo, settings: {discount: '0.5'}}}", "settings.discount"),
    ],
)
def test_no_truth_value_and_no_text_is_a_number_at_any_depth(tmp_path, line, path):
    file = tmp_path / "gap.yaml"
    file.write_text(line)
    with pytest.raises(InputError) as refused:
        GAP.cells(read_config(GapConfig, file))
    assert path in str(refused.value)


@pytest.mark.parametrize(
    ("sigma", "shown"), [([0.1, 0.1000000001], "0.1"), ([0.0, -0.0], "once"), ([1e-7, 1.0000001e-7], "1e-07")]
)
def test_twin_errors_that_print_alike_are_refused(sigma, shown):
    with pytest.raises(InputError, match=shown):
        checked(GapConfig, {"sigma": sigma})


def test_what_is_allowed():
    config = checked(GapConfig, {"sigma": (-0.0, 1e-4, 1), "seeds": [3.0, 4], "episodes": 2.0})
    assert (config.sigma, config.seeds, config.episodes) == ((0.0, 1e-4, 1.0), (3, 4), 2)
    assert math.copysign(1.0, config.sigma[0]) == 1.0
    assert checked(GapConfig, {"training": {"validation": Validation(looks=3)}}).training.validation == Validation(looks=3)
    with pytest.raises(InputError, match="plain data"):
        checked(GapConfig, {"sigma": {0.1}})


def test_files_with_a_byte_order_mark_are_read(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfepisodes: 3\n")
    assert read_json(tmp_path / "a.json") == {"a": 1}
    assert read_config(GapConfig, tmp_path / "a.yaml").episodes == 3
    (tmp_path / "a.yaml").write_bytes("episodes: 3".encode("utf-16"))
    with pytest.raises(InputError, match="UTF-8"):
        read_config(GapConfig, tmp_path / "a.yaml")
