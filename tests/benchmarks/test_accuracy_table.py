"""Tables of the benchmarks: numbers stand under their headings, and means are over clips."""

from growth import exponent
from growth import table as growth_table

from lib.accuracy_table import COLUMNS, PAINTED, REGIONS, accuracy_columns, seconds_columns, table


def row(clip, height, **more):
    distances = dict.fromkeys(("both", "both_p95", "to_truth", "from_truth"), height)
    return {
        "clip": clip, "inputs": "given", "variant": "base", "frames": 8, "num_betas": 10,
        **dict.fromkeys(("similarity", "height", "camera", "shape"), distances),
        "regions": dict.fromkeys(REGIONS.values(), height),
        "mpjpe_camera_mm": 1.0, "mpjpe_root_mm": 2.0, "pa_mpjpe_mm": 3.0, "scale_error_percent": 0.5,
        "focal_error_percent": 0.0, "iou": 0.98, "iou_left_out": None, "seconds": {"observing": 4.0, "pose": 5.0},
        "fit_s": 6.0, "fit_gb": 0.5, "peak_gb": 0.75, **more,
    }  # fmt: skip


def cells(line):
    return [cell.strip() for cell in line.strip("| ").split("|")]


def test_rows_and_their_mean():
    rows = [row("one", 3.0), row("two", 5.0)]
    heading, _, *lines = table(rows, accuracy_columns(rows)).splitlines()
    at = cells(heading).index("height")
    assert [(cells(line)[0], cells(line)[at]) for line in lines] == [
        ("one", "3.00"), ("two", "5.00"), ("**mean of 2**", "4.00"),
    ]  # fmt: skip
    assert all(len(cells(line)) == len(cells(heading)) for line in lines)
    assert cells(lines[0])[cells(heading).index("left out %")] == "–"


def test_clips_fitted_in_different_ways_are_not_averaged():
    rows = [row("one", 3.0), row("one", 5.0, inputs="raw")]
    assert "mean" not in table(rows, accuracy_columns(rows))


def test_columns_of_textures_are_there_if_one_row_has_them():
    plain, painted = row("one", 3.0), row("two", 3.0, painted={"texture_psnr": 27.5})
    assert set(PAINTED) <= set(COLUMNS)
    assert not set(PAINTED) & set(accuracy_columns([plain]))
    columns = accuracy_columns([plain, painted])
    assert set(PAINTED) <= set(columns)
    assert [columns["PSNR"](each) for each in (plain, painted)] == [None, 27.5]


def test_actions_of_all_rows_become_columns():
    rows = [row("one", 3.0), row("two", 3.0, seconds={"observing": 1.0, "consensus": 2.0})]
    columns = seconds_columns(rows)
    assert list(columns) == ["observing", "pose", "consensus", "fit", "GB"]
    assert [column(rows[1]) for column in columns.values()] == [1.0, None, 2.0, 6.0, 0.75]


def test_exponent_of_growth():
    counts = [30, 60, 120, 240]
    assert abs(exponent(counts, [0.2 * count**1.3 for count in counts]) - 1.3) < 1e-9
    runs = {count: {"texture": 0.1 * count, "body": 0.01, "total": 9.0, "peak GB": 2.0} for count in counts}
    lines = {cells(line)[0]: cells(line)[1:] for line in growth_table(runs).splitlines()}
    assert lines["texture"] == ["3.00", "6.00", "12.00", "24.00", "1.00"]
    assert lines["body"][-1] == "–"  # too short to tell
    assert lines["peak GB"][-1] in ("0.00", "-0.00")
