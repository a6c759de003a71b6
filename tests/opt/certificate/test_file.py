"""Certificate files: what is wrong with one is said in a line that names file and field."""

import json

import pytest

from twingap.opt.certificate.certificate_file import certificate_to_json, load_certificate
from twingap.opt.certificate.proof import WholeGlobalProof
from twingap.opt.errors import InputError


def test_a_file_with_a_fault_names_it(tmp_path, victims):
    path = tmp_path / "certificate.json"
    faults = {
        "local.prices[0]": lambda c: c["local"]["prices"].__setitem__(0, -1.0),
        "global.tree[0]": lambda c: c["global"]["tree"].__setitem__(0, 7),
        "global.potentials": lambda c: c["global"]["potentials"].pop(),
        "local.heads": lambda c: c["local"].pop("heads"),
        "global.extra": lambda c: c["global"].update(extra=1),
        "bound": lambda c: c.update(bound="high"),
    }
    for field, spoil in faults.items():
        content = certificate_to_json(victims[0][2])
        spoil(content)
        path.write_text(json.dumps(content))
        with pytest.raises(InputError) as caught:
            load_certificate(path)
        assert caught.value.field == field
        assert caught.value.source == str(path)


def test_faults_of_whole_proofs_and_of_files_name_file_and_field(tmp_path, victims):
    whole = next(each for _, _, each in victims if each.local.whole and isinstance(each.global_, WholeGlobalProof))
    content = certificate_to_json(whole)
    text = json.dumps(content)
    path = tmp_path / "certificate.json"

    def field_of(text):
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            load_certificate(path)
        assert caught.value.source == str(path)
        assert "\n" not in str(caught.value)
        return caught.value.field

    def spoiled(part, **changes):
        return json.dumps(content | {part: content[part] | changes})

    assert field_of(text[: len(text) // 2]) == ""
    assert field_of(spoiled("local", touches=[float("nan")])) == "local.touches[0]"
    assert field_of(json.dumps(content | {"version": 2})) == "version"
    assert field_of(spoiled("local", whole_subchannels=1)) == "local.whole_subchannels"
    assert field_of(spoiled("local", tree=[4])) == "local.tree[0]"
    assert field_of(spoiled("local", prices=[*content["local"]["prices"], 1.0])) == "local.prices"
    assert (
        field_of(spoiled("global", tree=[1, 0, 0], committees=[0], cuts=[0.5], prices=[1.0, 2.0], bounds=[1.0, 1.0]))
        == "global.cuts[0]"
    )
    assert field_of(spoiled("global", tree=[2])) == "global.tree[0]"
    assert field_of(spoiled("global", whole_subchannels=False)) == "global.counts"
