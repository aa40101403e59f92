"""Progress for people: a line for each stage and a table at the end."""

import io
import re
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from fit_avatar.progress import Left, Terminal
from tests.progress.told_run import SUMMARY, logger, tell


def shown(verbose: bool, terminal: bool = False) -> str:
    stream = io.StringIO()
    tell(Terminal(Console(file=stream, width=60, force_terminal=terminal, highlight=False), verbose))
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


def test_the_time_that_is_left_is_beside_the_bar() -> None:
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


def test_verbose_adds_what_the_library_logs() -> None:
    told = shown(verbose=True)
    assert "term [weight] 1.0" in told and "a detail" in told and "✓ observe 2.3 s" in told
    assert "a detail" not in shown(verbose=False)
