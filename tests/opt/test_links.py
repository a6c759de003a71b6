"""The weakest link is the minimum over real links, whatever stands in the padding."""

import numpy as np
import pytest

from twingap.opt.links import weakest_link
from twingap.opt.snapshot import HeadLayout


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_weakest_link_is_the_minimum_over_real_links(batch):
    is_link = HeadLayout.of(np.array([0, 0, 0, 1, 2, 2])).is_link
    rng = np.random.default_rng(0)
    sinr = np.exp(rng.normal(0.0, 3.0, (*batch, *is_link.shape)))
    # Padding and the diagonal are smaller than any link: reading one would show.
    sinr = np.where(is_link, sinr, 1e-9)
    expected = np.where(is_link, sinr, np.inf).min(axis=-1)
    np.testing.assert_array_equal(weakest_link(sinr, is_link), expected)
    # A view with gaps gives the same.
    wide = np.zeros((*batch, *is_link.shape[:-1], 5))
    wide[..., 1:4] = sinr
    np.testing.assert_array_equal(weakest_link(wide[..., 1:4], is_link), expected)


def test_no_link_is_infinite_and_an_unknown_one_unknown():
    is_link = np.array([[[False, True, True], [True, False, True], [False, False, False]]])
    sinr = np.array([[[np.nan, np.nan, 0.0], [2.0, np.nan, np.inf], [1.0, 1.0, 1.0]]])
    np.testing.assert_array_equal(weakest_link(sinr, is_link), [[np.nan, 2.0, np.inf]])
