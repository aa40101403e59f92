"""Figures of the benchmarks are drawn and written."""

import cv2
from growth import MEMORY, TOTAL, curves

from lib.figures import draw_convergence, draw_growth

RUNS = {
    count: {"observing": 0.1 * count, "pose": 2.0, "writing": 0.01, TOTAL: 0.1 * count + 2.01, MEMORY: 1.0}
    for count in (30, 60, 120)
}


def test_only_stages_that_take_time_get_a_curve():
    assert list(curves(RUNS)) == [TOTAL, "observing", "pose"]


def test_growth(tmp_path):
    draw_growth(tmp_path / "new" / "growth.png", list(RUNS), curves(RUNS))
    assert cv2.imread(str(tmp_path / "new" / "growth.png")).std() > 0


def test_convergence(tmp_path):
    draw_convergence(tmp_path / "energy.png", {"fast": [(0.0, 9.0), (0.1, 1.0)], "slow": [(0.0, 9.0), (2.0, 1.2)]})
    assert cv2.imread(str(tmp_path / "energy.png")).std() > 0
