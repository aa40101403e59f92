"""Key numbers for the terminal: regions of least confidence are named, and missing values are skipped."""

from fit_avatar.report.numbers import key_numbers


def test_numbers_are_those_of_the_metrics() -> None:
    metrics = {
        "height_m": 1.7713,
        "measurements": [{"name": "height", "metres": 1.77}, {"name": "waist", "metres": 0.904}],
        "frames_used": 16,
        "frames_left_out": [{"frame_index": 3, "reason": "blurred"}],
        "regions": [
            {"name": name, "confidence": share}
            for name, share in (("face", 0.8), ("left hand", 0.31), ("belly", 0.7), ("left foot", 0.1))
        ],
    }
    assert key_numbers(metrics) == (
        ("height", "1.77 m; in cm: waist 90"),
        ("frames", "16 used, 1 left out"),
        ("least known", "left foot 10 %, left hand 31 %, belly 70 %"),
    )


def test_missing_regions_and_measurements_are_skipped() -> None:
    empty = {"height_m": 1.8, "measurements": [], "frames_used": 4, "frames_left_out": [], "regions": []}
    assert key_numbers(empty) == (("height", "1.80 m"), ("frames", "4 used"))
