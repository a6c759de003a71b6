"""Certificate files: what is wrong with one is said in a line that names file and field."""

import json

import pytest

from twingap.opt.certificate.certificate_file import certificate_to_json, load_certificate
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
