"""Every kind of page in a real browser: no complaint, no request, tables that sort and turn pages, downloads that hold data.

Registered studies meet the same checks on their own records in ``tests/contract/test_studies.py``.
"""

import base64
import io
from dataclasses import asdict, fields
from urllib.parse import urlparse

import numpy as np
import pandas as pd
import pytest

from twingap.rl.decoding import PROJECTED
from twingap.studies.frozen_epochs import Certificate
from twingap.studies.gap_config import GapConfig
from twingap.studies.gap_report import write_gap_page
from twingap.studies.gap_results import collect_gap
from twingap.studies.machine import describe_machine
from twingap.studies.outcome import Outcome
from twingap.studies.report.origin import Origin
from twingap.studies.report.page import Column, Page, Section, Table, Text, data_section, write_page
from twingap.studies.report.tuning_page import tuning_page
from twingap.studies.scoring import Scores
from twingap.studies.tuning.config import TuneConfig
from twingap.studies.tuning.results import Check, TrialRow, Tuning

TEXTS = "[...document.querySelector('tbody').rows].map(row => row.cells[{}].textContent)"


def click(browser, what):
    browser.value(f"document.querySelector({what!r}).click()")


def saved(browser, name):
    """The bytes that a download of this name holds, as the browser resolves its address."""
    address = browser.value(f"document.querySelector('a[download=\"{name}\"]').href")
    assert address.startswith("data:text/csv;charset=utf-8;base64,")
    return base64.b64decode(address.partition(",")[2])


def test_a_browser_that_complains_is_heard(browser, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<img src='https://example.invalid/a.png'><script>console.error('said'); fetch('http://example.invalid'); no()</script>"
    )
    browser.open(page)
    said = " ".join(browser.complaints())
    assert "said" in said
    assert "ReferenceError" in said
    assert {urlparse(each).scheme for each in browser.requests()} == {"file", "https", "http"}


def gap_study(seeds, sigma, failures=0):
    """Results of a gap study with made-up scores."""
    config = GapConfig(preset="tiny", seeds=seeds, sigma=sigma, policies=("oracle", "certainty_equivalent", "random"))
    rng = np.random.default_rng(0)
    records = []
    about = {"seconds": 1.0, "peak_memory": None, "code": "0", "machine": describe_machine()}
    for seed in seeds:
        epochs = {"preset": "tiny", "scenario": {}, "seed": seed}
        bound = 100.0 + rng.random((2, 4, 3))
        certificate = Certificate("", *bound, *(bound - 0.001)).to_json()
        records.append({"title": f"bounds {seed}", "settings": {"epochs": epochs}, "result": certificate} | about)
        for place, policy in enumerate(config.policies):
            for each in sigma:
                loss = (1.0 + 9.0 * place * each) * rng.random((2, 4, 3))
                earned = dict(zip(("local_utility", "global_utility"), bound - loss, strict=True))
                scores = Scores(**({each.name: np.zeros((4, 3)) for each in fields(Scores)} | earned))
                settings = {"epochs": epochs, "policy": policy, "sigma": each, "rules": asdict(PROJECTED)}
                result = {"scores": scores.to_json(), "curve": None}
                records.append({"title": f"{policy} {seed}", "settings": settings, "result": result} | about)
    lost = [{"title": f"cell <{n}>", "settings": {}, "reason": "died", "error": "why & how"} for n in range(failures)]
    return collect_gap(config, Outcome(tuple(records), tuple(lost)))


def test_page_of_the_gap_study(browser, check_page, tmp_path):
    results = gap_study((0, 1, 2), (0.0, 0.1), failures=30)
    write_gap_page(results, tmp_path / "report.html")
    check_page(tmp_path / "report.html")
    assert "fewer" not in browser.value("document.querySelector('.warning').textContent")
    assert "3 seeds" in browser.value("document.querySelector('.warning').textContent")
    assert "10 more" in browser.value("document.querySelector('.failed').textContent")
    back = pd.read_csv(io.BytesIO(saved(browser, "gap.csv")))
    np.testing.assert_allclose(back["gap"], results.table["gap"], rtol=1e-15)
    assert set(back["warning"]) == {"fewer than 5 seeds"}
    made = browser.value("document.querySelector('#gap .made').textContent")
    assert "twingap study gap --config config.yaml; seeds 0, 1, 2;" in made
    for ending, key in (("svg", "dc:description"), ("png", "Description"), ("pdf", "Subject")):
        content = (tmp_path / f"report-gap.{ending}").read_bytes()
        assert key.encode() in content
        assert b"--config config.yaml; seeds 0, 1, 2" in content


def test_page_of_a_tuning(browser, check_page, tmp_path):
    rows = [
        TrialRow(n, n, state, 0.1 / (n + 1), 4, (0.2, 0.1 / (n + 1)), {"rate": 0.1 * n, "clip": 0.2})
        for n, state in enumerate(["complete", "pruned", "complete"] * 2)
    ]
    failed = TrialRow(6, 6, "failed", None, 0, (), {"rate": 1.0, "clip": 0.1}, "ValueError: <b>no</b>")
    numbers = (0.1, 0.05, 0.2)
    check = Check(numbers, numbers, (-0.01, -0.02, 0.01), 2, (20_000_000, 20_000_001))
    config = TuneConfig(learner="mappo", updates=4, num_envs=2)
    found = Tuning(config, [*rows, failed], "journal", "twingap tune mappo", check, {"rate": 0.7, "clip": 0.3})
    write_page(tuning_page(found), tmp_path / "report.html")
    check_page(tmp_path / "report.html")
    assert "2 fresh seeds" in browser.value("document.querySelector('.warning').textContent")
    assert len(pd.read_csv(io.BytesIO(saved(browser, "trials.csv")))) == 7


ROWS = [{"name": f"</script><b>{n}", "value": (7 * n) % 450 - 0.5, "gone": None if n % 2 else 1e3 - n} for n in range(450)]


@pytest.fixture
def long_page(tmp_path):
    columns = [Column("name", "name"), Column("value", "value", lambda x: f"{x:.1f}"), Column("gone", "gone")]
    table = Table(columns, ROWS)
    data = data_section({"all": pd.DataFrame(ROWS)}, None)
    page = Page("long", "Long", [Section("", [Text("a < b"), table]), data], origin=Origin("make", "seed 0"))
    write_page(page, tmp_path / "a b.html")
    return tmp_path / "a b.html"


def test_a_long_table_sorts_as_a_whole_and_turns_pages(browser, check_page, long_page):
    check_page(long_page)
    assert browser.value("document.querySelector('tbody').rows.length") == 200
    assert browser.value("document.querySelector('.pages span').textContent") == "rows 1 to 200 of 450"
    assert browser.value(TEXTS.format(0))[:2] == ["</script><b>0", "</script><b>1"]
    click(browser, "th:nth-child(2) button")
    assert browser.value(TEXTS.format(1)) == [f"{n - 0.5:.1f}" for n in range(200)]
    for rows in (range(200, 400), range(400, 450)):
        click(browser, ".pages button:last-child")
        assert browser.value(TEXTS.format(1)) == [f"{n - 0.5:.1f}" for n in rows]
    assert browser.value("document.querySelector('.pages button:last-child').disabled") is True
    click(browser, "th:nth-child(2) button")
    assert browser.value(TEXTS.format(1)) == [f"{n - 0.5:.1f}" for n in range(449, 249, -1)]
    assert browser.value("document.querySelector('th:nth-child(2)').getAttribute('aria-sort')") == "descending"
    # Missing values come last, whichever way.
    for click_again, first in ((False, 1e3 - 448), (True, 1e3)):
        click(browser, "th:nth-child(3) button")
        assert float(browser.value(TEXTS.format(2))[0]) == first, click_again
    click(browser, ".pages button:last-child")
    assert browser.value(TEXTS.format(2))[25:] == [""] * 175
