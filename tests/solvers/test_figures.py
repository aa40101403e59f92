"""Figures show the numbers of a solve, and a missing matplotlib is named with its extra."""

import io
import sys

import pytest

from fit_avatar.errors import MissingDependencyError
from fit_avatar.solvers.summary import SolveSummary, TermValue

SUMMARY = SolveSummary(
    optimiser="Gauss–Newton",
    before=(TermValue("keypoints", 1, 1, 30.0), TermValue("pose prior", 1, 1, 10.0)),
    after=(TermValue("keypoints", 1, 1, 6.0), TermValue("pose prior", 1, 1, 2.0)),
    iterations=2,
    reason="converged",
    seconds=0.3,
    trace=((0.0, 40.0), (0.1, 12.0), (0.3, 8.0)),
)


def test_a_figure_shows_energy_and_terms() -> None:
    pytest.importorskip("matplotlib")
    figure = SUMMARY.plot()
    curve, bars = figure.axes
    (line,) = curve.lines
    assert line.get_xydata().tolist() == [[0.0, 40.0], [0.1, 12.0], [0.3, 8.0]]
    assert curve.get_yscale() == "log"
    assert [bar.get_width() for bar in bars.patches] == [0.75, 0.25, 0.75, 0.25]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["keypoints", "pose prior"]
    assert figure.get_suptitle() == "Gauss–Newton: 2 iterations; converged"
    picture = io.BytesIO()
    figure.savefig(picture)
    assert picture.getvalue().startswith(b"\x89PNG")


def test_a_solve_without_a_trace_or_energy_is_drawn_too() -> None:
    pytest.importorskip("matplotlib")
    nothing = SolveSummary(
        "Adam", (TermValue("keypoints", 0, 0, 0.0),), (TermValue("keypoints", 0, 0, 0.0),), 0, "done", 0
    )
    figure = nothing.plot("pose")
    assert figure.axes[0].get_yscale() == "linear" and figure.get_suptitle() == "pose"


def test_drawing_leaves_the_state_of_pyplot_alone() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before = pyplot.get_fignums()
    SUMMARY.plot()
    assert pyplot.get_fignums() == before


def test_a_missing_matplotlib_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"^figures need .* pip install matplotlib$"):
        SUMMARY.plot()
