"""Fixtures shared by all tests."""

import copy
from urllib.parse import unquote

import pytest

from twingap.opt.snapshot_file import snapshot_from_json

from .browser import MISSING, Browser, find_browser

# A snapshot small enough to work by hand: every SINR is 2^n - 1, every term of every equation is non-zero and different.
# AP 0 has three heads, AP 1 one; committee 0 has three delegates and serves APs 0 and 2, committee 1 has two and serves AP 1.
BY_HAND = {
    "format": "twingap.snapshot",
    "version": 1,
    "name": "by-hand",
    "local": {
        "subchannel_hz": 2.0,
        "subchannels_max": 40.0,
        "whole_subchannels": False,
        "multicast": "group",
        "floor_adaptation": True,
        "benefit": 100.0,
        "decay": 0.1,
        "spectrum_cost": 0.5,
        "cpu_cost": 0.2,
        "arrival_rate": 4.0,
        "cache_multiplier": 2.0,
        "multicast_batch": 6.0,
        "confirmation_weight": 9.0,
        "multicast_bits": 12.0,
        "ap": [0, 0, 0, 1, 2],
        "accuracy": [0.36787944117144233, 0.1353352832366127, 0.6065306597126334, 0.36787944117144233, 0.36787944117144233],
        "cycles": [10.0, 20.0, 30.0, 10.0, 40.0],
        "upload_bits": [24.0, 12.0, 6.0, 8.0, 16.0],
        "cumulative_weight": [1.0, 5.0, 10.0, 7.0, 3.0],
        "cpu_max_hz": [6.0, 8.0, 12.0, 5.0, 10.0],
        "sinr_uplink": [7.0, 3.0, 1.0, 3.0, 3.0],
        "sinr_peer": [[[0.0, 3.0, 15.0], [1.0, 0.0, 7.0], [1.0, 3.0, 0.0]], [[0.0]], [[0.0]]],
    },
    "global": {
        "subchannel_hz": 2.0,
        "subchannels_max": 25.0,
        "whole_subchannels": False,
        "multicast": "group",
        "timeout": 10.0,
        "timeout_rule": "fail",
        "benefit": 200.0,
        "decay": 0.1,
        "spectrum_cost": 0.5,
        "cpu_cost": 0.2,
        "committees": [
            {
                "block_bits": 24.0,
                "capacity": 2,
                "cycles": [12.0, 6.0, 8.0],
                "cpu_max_hz": [5.0, 4.0, 3.0],
                "sinr_access": [3.0, 1.0, 7.0],
                "sinr_peer": [[0.0, 3.0, 15.0], [7.0, 0.0, 1.0], [3.0, 15.0, 0.0]],
            },
            {
                "block_bits": 12.0,
                "capacity": 2,
                "cycles": [5.0, 3.0],
                "cpu_max_hz": [6.0, 4.0],
                "sinr_access": [1.0, 3.0, 1.0],
                "sinr_peer": [[0.0, 1.0], [7.0, 0.0]],
            },
        ],
    },
}


@pytest.fixture
def by_hand_json():
    """The JSON object of the hand-worked snapshot; a fresh copy."""
    return copy.deepcopy(BY_HAND)


@pytest.fixture
def by_hand():
    """Builds the hand-worked snapshot with changed fields: by_hand(local={"multicast": "per_link"})."""

    def build(*, local=None, global_=None):
        content = copy.deepcopy(BY_HAND)
        content["local"].update(local or {})
        content["global"].update(global_ or {})
        return snapshot_from_json(content)

    return build


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless browser that opens pages; skips where none is installed."""
    if find_browser() is None:
        pytest.skip(MISSING)
    with Browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def check_page(browser):
    """A function that opens a page, wide and narrow, and holds it against what every page promises."""

    def check(path):
        for width in (1280, 400):
            browser.open(path, width)
            assert browser.complaints() == []
            # The page alone: nothing is fetched.
            assert browser.requests() == [path.resolve().as_uri()]
            assert browser.value("document.documentElement.scrollWidth <= window.innerWidth")
        for link in browser.value("[...document.links].map(each => each.getAttribute('href'))"):
            if link.startswith("#"):
                assert browser.value(f"document.getElementById({link[1:]!r}) !== null"), link
            elif not link.startswith("data:"):
                beside = path.parent / unquote(link)
                assert beside.stat().st_size > 0
        heads = browser.value("document.querySelectorAll('table.sorts th').length")
        assert heads == browser.value("document.querySelectorAll('table.sorts th button').length") > 0
        # Every heading sorts without an exception, up and down.
        browser.value("document.querySelectorAll('table.sorts th button').forEach(each => { each.click(); each.click(); })")
        assert browser.value("document.querySelectorAll('th[aria-sort=descending]').length") > 0
        assert browser.complaints() == []
        browser.open(path)

    return check
