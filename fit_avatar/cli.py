"""The command ``fit-avatar``: typed options in, the pipeline run, one sentence for every mistake."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import tyro

from fit_avatar.config import Config
from fit_avatar.errors import FitAvatarError
from fit_avatar.progress import reporter_for

USER_ERROR = 2
INTERRUPTED = 130
REMEDY = ": install the packages of requirements.txt in a new virtual environment"
ENVIRONMENT = {
    # Idle threads of PyTorch otherwise spin for milliseconds, which makes everything three times slower where other
    # programs compete for the cores.
    "GOMP_SPINCOUNT": "3000",
    # Libraries that would write their own messages between ours.
    "OPENCV_LOG_LEVEL": "ERROR",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
}
"""What libraries read when they are loaded; a user's setting wins."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: the arguments after the program's name; by default the process's own.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    for name, value in ENVIRONMENT.items():  # before any of the libraries is loaded
        os.environ.setdefault(name, value)
    try:
        if argv and argv[0] in TOOLS:
            return TOOLS[argv[0]](argv[1:])
        config = parse(argv)
        with _termination_like_interruption(), reporter_for(config.log) as reporter:
            from fit_avatar import command  # after the options are read: --help needs no torch

            summary = command.run(config, reporter)
        reporter.show(summary)
        return 0
    except FitAvatarError as error:
        return _fail(str(error), USER_ERROR)
    except KeyboardInterrupt:
        return _fail("interrupted; run the same command again to continue", INTERRUPTED)
    except ImportError as error:
        if (error.name or "").startswith("fit_avatar"):
            raise
        return _fail(f"{error}{REMEDY}", USER_ERROR)
    except BrokenPipeError:  # fit-avatar --help | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        where = f" while writing {error.filename}" if error.filename else ""
        return _fail(f"the disk is full{where}: free some space and run the same command again", USER_ERROR)


def convert_body(argv: Sequence[str]) -> int:
    """Run ``fit-avatar convert-body``: rewrite an old .pkl body model as a clean .npz file."""

    def convert(source: tyro.conf.Positional[Path], target: tyro.conf.Positional[Path]) -> None:
        """Rewrite your licensed SMPL, SMPL-H or SMPL-X file (.pkl or .npz) as an .npz of plain arrays.

        Args:
            source: the file you have; nothing in it is executed.
            target: the .npz to write.
        """
        from fit_avatar import body

        kind = body.convert_body(source, target)
        print(f"{target} holds a {kind} body: use it with --body {target}")

    _run_tool(convert, "fit-avatar convert-body", argv)
    return 0


def presets(argv: Sequence[str]) -> int:
    """Run ``fit-avatar presets``: list the methods, or print one as a file to edit."""

    def show(name: tyro.conf.Positional[str] = "", table: bool = False) -> None:
        """List the presets; or print one as JSON, to be edited and given back with --preset FILE.json.

        Args:
            name: of the preset; without it all are listed.
            table: print it to be read rather than edited.
        """
        from fit_avatar.fitting import PRESETS, preset, schedule_to_json

        if not name:
            for each in PRESETS:
                print(f"{each:<18} {preset(each).about}")
            return
        chosen = preset(name)
        print(chosen if table else schedule_to_json(chosen))

    _run_tool(show, "fit-avatar presets", argv)
    return 0


def doctor(argv: Sequence[str]) -> int:
    """Run ``fit-avatar doctor``: print which packages are installed, which are missing, and how to install them."""

    def examine() -> None:
        """Print which packages are installed and which device is used, and how to install what is missing."""

    _run_tool(examine, "fit-avatar doctor", argv)
    from fit_avatar.doctor import examine as look

    findings = look()
    print(findings)
    return 0 if findings.usable else USER_ERROR


TOOLS: dict[str, Callable[[Sequence[str]], int]] = {"convert-body": convert_body, "doctor": doctor, "presets": presets}
"""Commands beside the main one."""


def _run_tool(function: Callable[..., None], name: str, argv: Sequence[str]) -> None:
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            tyro.cli(function, prog=name, args=argv, config=(tyro.conf.FlagCreatePairsOff,))
    except SystemExit as stop:
        if stop.code:
            raise SystemExit(_fail(_one_sentence(complaint.getvalue()), USER_ERROR)) from None
        raise


@contextlib.contextmanager
def _termination_like_interruption() -> Iterator[None]:
    """Let a request to terminate end a run as Ctrl-C does: half-written files are removed."""
    if threading.current_thread() is not threading.main_thread():  # only it may say so
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def parse(argv: Sequence[str] | None = None) -> Config:
    """Return the options of a command line; a usage error is one sentence and exit code 2."""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                Config, prog="fit-avatar", args=argv, config=(tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone)
            )
    except SystemExit as stop:
        if stop.code:
            raise SystemExit(_fail(_one_sentence(complaint.getvalue()), USER_ERROR)) from None
        raise


def _fail(message: str, code: int) -> int:
    print(f"fit-avatar: {message}", file=sys.stderr)
    return code


def _one_sentence(box: str) -> str:
    """Return what tyro drew in a box, without title, box and rules, and without the help texts."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    rows = "\n".join(line.strip("│╰╯ ") for line in plain.splitlines()[1:])
    sections = [" ".join(section.split()).rstrip(".") for section in re.split(r"^[─-]+$", rows, flags=re.MULTILINE)]
    told = [each for each in sections if each and not each.startswith(("For full helptext", "Argument helptext"))]
    sentence = re.sub(r"Missing from fit-avatar: (--[\w-]+) .*?\(required\)", r"\1 is missing", "; ".join(told))
    return re.sub(r"\.? Got errors: .*", "", sentence) + " (see fit-avatar --help)"
