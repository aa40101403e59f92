"""Rank correlations of confidence with errors: of an avatar that is wrong where the report says so."""

import numpy as np
import pytest

from lib.confidence_scores import Prediction, over_regions, region_rows, rows


def prediction(name, confidence, error):
    region = np.repeat(np.arange(4), 25)
    return Prediction(name, confidence, 10 * (1 - confidence), error, region, np.ones(100))


def test_confidence_that_knows_and_confidence_that_does_not():
    error = np.linspace(1, 20, 100)
    good, bad = prediction("good", 1 - error / 40, error), prediction("bad", error / 40, error)
    assert (good.over_vertices, bad.over_vertices) == (pytest.approx(1), pytest.approx(-1))
    assert over_regions([good]) == pytest.approx(1)
    assert abs(over_regions([good, bad])) < 0.5
    table = rows([good, bad])
    assert [line[0] for line in table] == ["good", "bad", "all 2"]
    assert table[0][1:4] == ["1.00", "1.00", "1.00"]
    assert table[1][1:3] == ["-1.00", "-1.00"]
    assert table[2][1] == "0.00"
    assert table[0][5] == "10.5"


def test_regions_are_means_by_area():
    found = prediction("one", np.full(100, 0.5), np.repeat([1.0, 2.0, 3.0, 4.0], 25))
    assert found.by_region[:, 2].tolist() == [1, 2, 3, 4]
    heavier = Prediction(
        "two",
        found.confidence,
        found.expected_mm,
        found.error_mm,
        found.region * 0,
        np.r_[np.ones(25) * 9, np.ones(75)],
    )
    assert heavier.by_region[0, 2] == pytest.approx((9 * 1 + 2 + 3 + 4) / 12)
    assert [line[3] for line in region_rows([found])] == ["1.0", "2.0", "3.0", "4.0"]
