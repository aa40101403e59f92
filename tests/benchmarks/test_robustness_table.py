"""What is said of a disturbance."""

import pytest

from lib.robustness_table import overview, table, within


def row(disturbance, clip="one", height=3.0, pose=10.0, **more):
    return {
        "clip": clip, "inputs": "given", "frames_wanted": 8, "disturbance": disturbance, "outcome": "fitted",
        "frames": 8, "height_mm": height, "height_p95_mm": 9.0, "pa_mpjpe_mm": pose, "iou": 0.98, "fit_s": 5.0,
        "peak_memory_gb": 1.0, "warnings": [], **more,
    }  # fmt: skip


BASELINE = row("undisturbed")


@pytest.mark.parametrize(
    ("worse", "verdict"),
    [
        (row("dark", height=5.9, pose=19.9), "yes"),
        (row("dark", height=6.1), "NO"),
        (row("dark", pose=20.1), "NO"),
        (row("dark", height=6.1, warnings=["it is dark."]), "NO, but warned"),
        (row("dark", outcome="refused", exit_code=2, said="it is dark"), "refused"),
        (row("dark", outcome="refused", exit_code=1, said="it is dark"), "NO"),
        (row("dark", outcome="crashed", said="Traceback"), "NO"),
    ],
)
def test_within(worse, verdict):
    assert within(worse, BASELINE) == verdict


def test_a_warning_that_the_undisturbed_clip_gets_too_does_not_count():
    warnings = ["it is dark."]
    assert within(row("dark", height=6.1, warnings=warnings), row("undisturbed", warnings=warnings)) == "NO"


def test_without_the_undisturbed_clip_nothing_is_within():
    assert within(row("dark"), None) == "NO"


def test_overview_has_a_column_for_each_clip():
    refused = row("late", outcome="refused", exit_code=2, said="late")
    rows = [BASELINE, row("dark", height=4.5), refused, row("undisturbed", "two"), row("dark", "two", height=9.0)]
    heading, _, dark, late = overview(rows).splitlines()
    assert heading == "| disturbance | one, given, 8 frames | two, given, 8 frames |"
    assert dark == "| dark | 1.50 / 1.00 | 3.00 / 1.00 (NO) |"
    assert late == "| late | refused | – |"


def test_table_tells_why_a_clip_was_refused():
    lines = table([BASELINE, row("dark", outcome="refused", exit_code=2, said="it is dark")]).splitlines()
    assert lines[-1].endswith("| refused | refused (exit code 2): it is dark |")
    assert len({line.count("|") for line in lines}) == 1
