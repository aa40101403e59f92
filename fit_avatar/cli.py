"""The command ``fit-avatar``: typed options in, the pipeline run, one sentence for every mistake."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Sequence

import tyro

from fit_avatar.config import Config
from fit_avatar.errors import FitAvatarError
from fit_avatar.progress import Terminal

USER_ERROR = 2
INTERRUPTED = 130
REMEDY = (
    ": install the packages of requirements.txt, and if a system library (.so) is missing, on Debian and Ubuntu "
    "apt install libgl1 libegl1 libglib2.0-0"
)
QUIET = {"OPENCV_LOG_LEVEL": "ERROR", "OPENCV_FFMPEG_LOGLEVEL": "-8", "GLOG_minloglevel": "2"}
"""Libraries that would write their own remarks between ours; a user's setting wins."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: the arguments after the program's name; by default the process's own.
    """
    try:
        config = parse(argv)
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        with Terminal() as terminal:
            from fit_avatar import pipeline  # after the options are read: --help needs no torch

            summary = pipeline.run(config, terminal)
        terminal.show(summary)
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
