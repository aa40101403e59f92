"""Progress of a run: a line for each stage and a table at the end, JSON for programs, or nothing."""

import io
import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from fit_avatar.progress import JsonLines, Left, RunSummary, Silent, Terminal, reporter_for

logger = logging.getLogger("fit_avatar.somewhere")

SUMMARY = RunSummary(
    folder=Path("out"),
    files=(Path("out/report.html"), Path("out/avatar.glb")),
    scale_source="the given height of 1.8 m",
    agreement="agreement over 6 frames: silhouette IoU 0.958",
    warnings=("The feet [both] are cut off.",),
    seconds=63.0,
    peak_memory_gb=1.0,
    numbers=(("height", "1.80 m"), ("least known", "left hand 30 %")),
)


def run(reporter: Terminal | JsonLines | Silent) -> None:
    with reporter:
        reporter.start("observe")
        for done in range(1, 101):
            reporter.advance("Reading the video", done, 100)
        logger.debug("a detail")
        logger.info("term [weight] 1.0")
        logger.warning("the cache cannot be read")
        reporter.finish("observe", 2.345, cached=False)
        reporter.start("texture")
        reporter.finish("texture", 9.0, cached=True)
    reporter.show(SUMMARY)


def shown(verbose: bool, terminal: bool = False) -> str:
    stream = io.StringIO()
    run(Terminal(Console(file=stream, width=60, force_terminal=terminal, highlight=False), verbose))
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())


def test_a_log_file_gets_whole_lines() -> None:
    assert shown(verbose=False).splitlines() == [
        "the cache cannot be read",
        "✓ observe 2.3 s",
        "✓ texture kept from an earlier run",
        "",
        "  out/report.html",
        "  out/avatar.glb",
        "",
        "height       1.80 m",
        "least known  left hand 30 %",
        "scale        the given height of 1.8 m",
        "fit          agreement over 6 frames: silhouette IoU 0.958",
        "note: The feet [both] are cut off.",
        "out is ready: 63 s, peak memory 1.0 GB",
    ]


def test_square_brackets_and_colons_in_names_are_printed_as_they_are() -> None:
    stream = io.StringIO()
    folder = Path("out/[final] take :cat:")
    reporter = Terminal(Console(file=stream, width=60, force_terminal=True, highlight=False))
    with reporter:
        reporter.start("solve [bold]")
        reporter.advance("solve [bold] :cat:", 1, 2)
        logger.warning("%s cannot be read", folder)
        reporter.finish("solve [bold]", 1.0, cached=False)
    reporter.show(replace(SUMMARY, folder=folder, files=(folder / "a.glb",), numbers=(("[x]", "[y] :cat:"),)))
    told = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    for part in (
        "solve [bold] :cat:", f"{folder} cannot be read", "✓ solve [bold] 1.0 s", f"  {folder}/a.glb",
        "[x]    [y] :cat:", f"{folder} is ready",
    ):  # fmt: skip
        assert part in told, part


def test_a_terminal_gets_a_bar_with_its_own_label() -> None:
    assert "Reading the video" in shown(verbose=False, terminal=True)


def test_the_time_that_is_left_is_beside_the_bar_and_in_the_json() -> None:
    stream = io.StringIO()
    with Terminal(Console(file=stream, width=110, force_terminal=True, highlight=False)) as terminal:
        terminal.expect(Left(7, 15, 41.0))
        terminal.start("texture")
        terminal.advance("texture", 1, 3)
    assert "stage 7 of 15, about 40 s left" in stream.getvalue()
    narrow = io.StringIO()
    with Terminal(Console(file=narrow, width=80, force_terminal=True, highlight=False)) as terminal:
        terminal.expect(Left(14, 31, 100.0))
        terminal.start("pose from keypoints and directions")
    assert "stage 14 of 31, about 1.5 min left" in narrow.getvalue()  # on one line
    lines = io.StringIO()
    with JsonLines(lines) as reporter:
        reporter.expect(Left(7, 15, 41.04))
        reporter.start("texture")
    first = {"event": "start", "stage": "texture", "number": 7, "stages": 15, "left_s": 41.0}
    assert json.loads(lines.getvalue()) == first


def test_verbose_adds_what_the_library_logs() -> None:
    told = shown(verbose=True)
    assert "term [weight] 1.0" in told and "a detail" in told and "✓ observe 2.3 s" in told
    assert "a detail" not in shown(verbose=False)


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run(reporter_for("quiet"))
    assert capsys.readouterr() == ("", "")


def test_json_is_one_object_a_line_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    run(reporter_for("json"))
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


@pytest.mark.parametrize("log", ["bar", "quiet", "verbose", "json"])
def test_the_logger_is_left_as_it_was(log: str) -> None:
    root = logging.getLogger("fit_avatar")
    before = (root.level, root.propagate, list(root.handlers))
    with reporter_for(log):
        assert len(root.handlers) == len(before[2]) + 1
    assert (root.level, root.propagate, list(root.handlers)) == before
