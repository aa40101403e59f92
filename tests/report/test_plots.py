"""Plots: round ticks that enclose the values, gaps where values are missing, marks for frames left out."""

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest

from fit_avatar.report.plots import HEIGHT, WIDTH, bars, frame_plot, nice_ticks


def drawn(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.913, 0.987), (3, 3), (-4.2, 17), (0, 1e-3), (12, 98765)])
def test_ticks_are_even_and_enclose_the_range(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 8
    steps = [b - a for a, b in pairwise(ticks)]
    assert max(steps) == pytest.approx(min(steps))


def test_the_line_breaks_where_a_frame_has_no_value_and_stays_in_the_picture() -> None:
    plot = drawn(frame_plot("IoU", [0, 2, 4, 6], [0.9, 0.95, None, 0.2], left_out=[5, 9], high=1.0))
    lines = [line.get("points").split() for line in plot.iter("polyline")]
    assert [len(line) for line in lines] == [2, 1]
    places = [tuple(map(float, point.split(","))) for line in lines for point in line]
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in places)
    (first, *_), low = places, places[-1]
    assert low[1] > first[1]  # a smaller value is further down
    out = [line for line in plot.iter("line") if line.get("class") == "out"]
    assert [line[0].text for line in out] == ["frame 5 left out", "frame 9 left out"]
    assert float(out[1].get("x1")) == WIDTH - 10


def test_a_plot_without_values_is_a_sentence() -> None:
    assert "no frame has a value" in frame_plot("error", [0, 1], [None, None])


def test_a_single_frame_can_be_drawn() -> None:
    assert len(list(drawn(frame_plot("IoU", [7], [0.9])).iter("circle"))) == 1


def test_bars_are_as_long_as_their_shares_and_text_is_escaped() -> None:
    rows = drawn(bars([("<fit>", 0.25, "1 s", ""), ("rest", 7.0, "4 s", "kept")]))
    widths = [span.get("style") for span in rows.iter("span") if span.get("style")]
    assert widths == ["width:25.0%", "width:100.0%"]
    assert next(span.text for span in rows.iter("span") if span.get("class") == "bar-label") == "<fit>"
