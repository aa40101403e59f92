"""Progress for programs: one object a line."""

import io
import json

import pytest

from fit_avatar.progress import JsonLines, Left, reporter_for
from tests.progress.told_run import tell


def test_json_is_one_object_a_line_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    tell(reporter_for("json"))
    out, err = capsys.readouterr()
    events = [json.loads(line) for line in out.splitlines()]
    assert err == ""
    assert [event["event"] for event in events if event["event"] != "progress"] == [
        "start", "log", "log", "finish", "start", "finish", "summary",
    ]  # fmt: skip
    steps = [event for event in events if event["event"] == "progress"]
    assert 1 <= len(steps) < 20  # not all of a hundred that came at once
    last = {"event": "progress", "stage": "observe", "step": "Reading the video", "done": 100, "total": 100}
    assert steps[-1] == last
    assert {"event": "log", "level": "warning", "message": "the cache cannot be read"} in events
    kept = {"event": "finish", "stage": "texture", "seconds": 9.0, "kept_from_earlier_run": True}
    assert kept in events
    assert events[-1]["files"] == ["out/report.html", "out/avatar.glb"] and events[-1]["seconds"] == 63.0


def test_the_time_that_is_left_is_in_the_next_event() -> None:
    lines = io.StringIO()
    with JsonLines(lines) as reporter:
        reporter.expect(Left(7, 15, 41.04))
        reporter.start("texture")
    first = {"event": "start", "stage": "texture", "number": 7, "stages": 15, "left_s": 41.0}
    assert json.loads(lines.getvalue()) == first


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("no such thing"), {"event": "error", "kind": "ValueError", "message": "no such thing"}),
        (KeyboardInterrupt(), {"event": "interrupted"}),
    ],
)
def test_json_reports_why_a_run_ended_early(error: BaseException, expected: dict[str, str]) -> None:
    stream = io.StringIO()

    def fail() -> None:
        with JsonLines(stream) as reporter:
            reporter.start("observe")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert json.loads(stream.getvalue().splitlines()[-1]) == {**expected, "stage": "observe"}
