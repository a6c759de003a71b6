"""2,000 seeded mutations of every kind of file that we read: success, or one line and exit code 2, never a traceback."""

import json
import random
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from twingap.opt.drawing import draw
from twingap.opt.errors import InputError
from twingap.opt.snapshot_file import save_snapshot
from twingap.rl.checkpoint import HASH, content_hash, load_checkpoint, load_policy, resume, save_checkpoint
from twingap.rl.environment import make_env
from twingap.rl.mappo_settings import GLOBAL_DEFAULTS, LOCAL_DEFAULTS, MappoSettings
from twingap.rl.mappo_training import MappoTrainer
from twingap.studies.config import read_config
from twingap.studies.gap import STUDY as GAP
from twingap.studies.yaml_text import dump_yaml

from .mutations import damaged, swapped

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def run(run):
    """run(arguments...) -> (exit code, stderr). Warnings are what they are on the command line, and no errors."""

    def call(*arguments):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code, _, said = run(*arguments)
        assert code in (0, 1, 2)
        if code == 2:
            assert said.startswith("twingap: ")
            assert said.count("\n") == 1, said
        return code, said

    return call


def mutations(content, count, rng, other):
    """So many versions of a JSON file, half of them with faults that leave JSON."""
    whole = json.dumps(content, indent=1).encode()
    for n in range(count):
        yield damaged(whole, rng, other) if n % 2 else json.dumps(swapped(content, rng)).encode()


def is_study(path):
    """Whether the gap study would run it; one line, and nothing else, says that it would not."""
    try:
        return bool(GAP.cells(read_config(GAP.config, path)))
    except InputError as error:
        said = str(error)
    assert "\n" not in said
    return False


def test_study_files(run, tmp_path):
    """What is read whole is turned away by the number of workers, which comes last."""
    content = json.loads(json.dumps(dict(GAP.tiny))) | {
        "scenario": {"aps": 2},
        "learners": {"m": {"learner": "mappo", "tuned_on": [9]}},
    }
    whole, rng = dump_yaml(content).encode(), random.Random(1)
    path, valid = tmp_path / "gap.yaml", 0
    for n in range(500):
        path.write_bytes(damaged(whole, rng, b"{sigma: [0.1]}") if n % 2 else json.dumps(swapped(content, rng)).encode())
        if n % 10 < 2:
            code, said = run("study", "gap", "--config", path, "--workers", 0, "--output", tmp_path / "results")
            assert code == 2
            valid += "workers" in said
        else:
            valid += is_study(path)
        assert [each.name for each in tmp_path.iterdir()] == ["gap.yaml"]
    assert 20 < valid < 480


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """Directory with snapshot.json, solution.json and certificate.json."""
    from twingap.opt.certificate.certificate_file import save_certificate
    from twingap.opt.solution_file import save_solution
    from twingap.opt.solve import solve

    folder, snapshot = tmp_path_factory.mktemp("solved"), draw("tiny", 0)
    result = solve(snapshot, gap=1e-2, time_limit=60.0, certificate=True)
    save_snapshot(snapshot, folder / "snapshot.json")
    save_solution(result, snapshot, folder / "solution.json")
    save_certificate(result.certificate, folder / "certificate.json")
    return folder


@pytest.mark.parametrize(("kind", "count"), [("snapshot", 300), ("solution", 300), ("certificate", 300)])
def test_snapshots_solutions_and_certificates(run, tmp_path, solved, kind, count):
    """``verify``: holds, does not hold, or is refused by the file's name."""
    files = {name: solved / f"{name}.json" for name in ("snapshot", "solution", "certificate")}
    content, other = json.loads(files[kind].read_text()), files["solution" if kind == "snapshot" else "snapshot"].read_bytes()
    files[kind] = tmp_path / f"{kind}.json"
    found = {0: 0, 1: 0, 2: 0}
    for data in mutations(content, count, random.Random(kind), other):
        files[kind].write_bytes(data)
        proof = () if kind == "solution" else ("--certificate", files["certificate"])
        code, said = run("verify", files["snapshot"], files["solution"], *proof)
        if code == 2:
            assert f"{kind}.json" in said or "solution.json" in said, said
        found[code] += 1
    assert found[2] > count / 3
    assert found[2] < count


def test_records_and_the_files_beside_them(run, tmp_path, monkeypatch):
    """``report``: finds what it found before, or refuses the damaged file by name and leaves tables and page as they were."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    (tmp_path / "cheap.yaml").write_text("{cells: 4, seconds: 0}")
    results = tmp_path / "results"
    assert run("study", "cheap_study:STUDY", "--config", tmp_path / "cheap.yaml", "--output", results)[0] == 0
    files = [results / "study.json", *sorted(results.glob("records/*.json"))]
    shown = {path: path.read_bytes() for path in [*results.glob("*.csv"), results / "report.html"]}
    rng, refused = random.Random(3), 0
    for n in range(200):
        path, other = rng.sample(files, 2)
        whole = path.read_bytes()
        path.write_bytes(
            damaged(whole, rng, other.read_bytes()) if n % 4 else json.dumps(swapped(json.loads(whole), rng)).encode()
        )
        code, said = run("report", results)
        refused += code == 2
        if path.parent.name == "records":
            assert code == 2 or path.read_bytes() == whole
        if code == 2:
            assert path.name in said or "results" in said, said
            assert {path: path.read_bytes() for path in shown} == shown
        assert not list(results.rglob("*.part"))
        path.write_bytes(whole)
        if code != 2:
            # Tables and page as they were, for the next one.
            assert run("report", results)[0] == 0
            assert {path: path.read_bytes() for path in shown} == shown
    assert refused > 150


SETTINGS = MappoSettings(
    updates=3,
    local=replace(LOCAL_DEFAULTS, hidden=8, epochs=1, minibatches=1),
    global_=replace(GLOBAL_DEFAULTS, hidden=8, epochs=1),
)


def environment():
    return make_env("tiny", sigma=0.1, seed=4, num_envs=4, horizon=3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint, and what is in it."""
    path = tmp_path_factory.mktemp("trained") / "run.safetensors"
    trainer = MappoTrainer(environment(), SETTINGS, 7)
    trainer.update()
    save_checkpoint(trainer, path, {"looks": []})
    return path, load_checkpoint(path).about, safetensors.torch.load_file(path)


def readable(path):
    """Whether it is a checkpoint of a run that goes on; one line that names the file says that it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            load_policy(path)
            resume(path, environment())
        except InputError as error:
            said = str(error)
        else:
            return True
    assert "\n" not in said
    assert said.startswith(str(path)), said
    return False


def test_every_change_of_a_checkpoints_bytes_is_noticed(tmp_path, trained):
    path, about, tensors = trained
    whole, rng, same = path.read_bytes(), random.Random(4), 0
    broken = tmp_path / "broken.safetensors"
    for _ in range(200):
        broken.write_bytes(damaged(whole, rng, b'{"twingap": 3}'))
        if readable(broken):
            # Only what says nothing may have changed, such as a blank of the header.
            found = load_checkpoint(broken)
            assert found.about == about
            again = safetensors.torch.load_file(broken)
            assert again.keys() == tensors.keys()
            assert all(torch.equal(tensors[name], again[name]) for name in tensors)
            same += 1
    assert same < 20
    size = int.from_bytes(whole[:8], "little")
    for at in rng.sample(range(8 + size, len(whole)), 20):
        broken.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(InputError, match="is damaged"):
            load_policy(broken)


@pytest.mark.parametrize("version", [4, 5])
def test_no_checkpoint_is_impossible_to_read_or_refuse(tmp_path, trained, version):
    """Of somebody who seals what he changed, and of version 4, which had no seal."""
    _, about, tensors = trained
    rng, found = random.Random(version), 0
    broken = tmp_path / "broken.safetensors"
    for n in range(100):
        changed, held = about | {"version": version}, dict(tensors)
        if n % 3:
            changed = swapped(changed, rng)
        else:
            name = rng.choice(sorted(held))
            tensor = held.pop(name)
            new = rng.choice(["gone", "nan", "inf", "short", "flat", "whole", "renamed", "other"])
            if new in ("nan", "inf"):
                held[name] = torch.full_like(tensor.float(), float(new))
            elif new == "renamed":
                held[f"{name}.x"] = tensor
            elif new == "other":
                held[name] = rng.choice(sorted(held.items()))[1].clone()
            elif new != "gone":
                held[name] = {"short": tensor.reshape(-1)[:1], "flat": tensor.reshape(-1), "whole": tensor.to(torch.int64)}[
                    new
                ].clone()
        text = json.dumps(changed)
        sealed = {HASH: content_hash(text, held)} if version == 5 else {}
        broken.write_bytes(safetensors.torch.save(held, {"twingap": text} | sealed))
        found += readable(broken)
    assert 0 < found < 90


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("what", ["global.actor", "local.critic", "environment.latent"])
def test_no_run_goes_on_from_numbers_that_are_none(tmp_path, trained, number, what):
    _, about, tensors = trained
    name = next(name for name in sorted(tensors) if name.startswith(what) and tensors[name].is_floating_point())
    held = dict(tensors) | {name: tensors[name].clone()}
    held[name].view(-1)[0] = number
    text = json.dumps(about)
    path = tmp_path / "run.safetensors"
    path.write_bytes(safetensors.torch.save(held, {"twingap": text, HASH: content_hash(text, held)}))
    with pytest.raises(InputError, match="NaN or infinite") as refused:
        load_checkpoint(path)
    assert refused.value.field == name


def test_a_checkpoint_of_version_4_is_read_as_it_was(tmp_path, trained):
    _, about, tensors = trained
    path = tmp_path / "old.safetensors"
    path.write_bytes(safetensors.torch.save(tensors, {"twingap": json.dumps(about | {"version": 4})}))
    assert readable(path)
    # A flipped bit that makes a 4 of the version does not take the seal off.
    text = json.dumps(about)
    path.write_bytes(
        safetensors.torch.save(
            tensors, {"twingap": text.replace('"version": 5', '"version": 4'), HASH: content_hash(text, tensors)}
        )
    )
    with pytest.raises(InputError, match="is damaged"):
        load_policy(path)
