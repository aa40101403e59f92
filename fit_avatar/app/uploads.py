"""What is uploaded is taken for a video only if it is one, of a bearable size and length; its name is never used."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from fit_avatar.app.options import AppOptions
from fit_avatar.errors import BadInputError

PROBE = (sys.executable, "-m", "fit_avatar.app.probe")
"""What looks into a video, in a process of its own: a damaged one may crash a decoder."""
PROBE_S = 60.0
"""How long that may take."""
MAX_SIDE, LEAST_SIDE = 8192, 64
"""Pictures beyond these are refused."""
LEAST_FRAMES = 4
NO_VIDEO = "this is no video that is taken here: give an MP4, MOV, WebM, MKV or AVI file"
HEAD_BYTES = 32


def take(upload: Path, uploads: Path, folder: Path, options: AppOptions) -> Path:
    """Move a video into a job's folder, under a name of this program's; return it.

    Args:
        upload: where the page has put it.
        uploads: the folder in which the page puts what it is given.
        folder: of the job.
        options: what is taken.

    Raises:
        BadInputError: it is not there, no video, too large, too long or damaged. It is deleted all the same.
    """
    place = _inside(upload, uploads)
    try:
        size = place.stat().st_size
        if size == 0:
            raise BadInputError("the video is empty: give it, or film, again")
        if size > options.max_mb << 20:
            raise BadInputError(f"the video has {size >> 20} MB, and at most {options.max_mb} are taken: shorten it")
        with place.open("rb") as file:
            kind = container(file.read(HEAD_BYTES))
        if kind is None:
            raise BadInputError(NO_VIDEO)
        taken = folder / f"clip.{kind}"
        shutil.move(place, taken)
        _look(taken, options)
        return taken
    finally:
        place.unlink(missing_ok=True)


def container(head: bytes) -> str | None:
    """Return a video's kind by its first bytes; None for everything else, such as lists that name other files."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip") and len(head) >= 12:
        return "mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "mkv"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    return None


def _inside(upload: Path, uploads: Path) -> Path:
    """Return an upload that is a plain file in the folder of uploads, and no link."""
    try:
        place, home = os.path.realpath(upload), os.path.realpath(uploads)
        mode = os.lstat(upload).st_mode
    except (OSError, ValueError):
        raise BadInputError("the video did not arrive: give it again") from None
    if not place.startswith(home + os.sep) or not stat.S_ISREG(mode):
        raise BadInputError("this is no uploaded file: give a video")
    return Path(place)


def _look(video: Path, options: AppOptions) -> None:
    """Refuse a video that is too long, or that cannot be read."""
    damaged = BadInputError("the video cannot be read: it may be damaged, so convert it to an MP4 (H.264)")
    try:
        told = subprocess.run(
            [*PROBE, str(video)], capture_output=True, timeout=PROBE_S, check=True, stdin=subprocess.DEVNULL
        )
        found = json.loads(told.stdout)
        seconds, width, height, frames = (float(found[name]) for name in ("seconds", "width", "height", "frames"))
    except (subprocess.SubprocessError, ValueError, KeyError, TypeError):
        raise damaged from None
    if frames < LEAST_FRAMES:
        raise BadInputError("the video has hardly any pictures: film one slow turn")
    if not seconds <= options.max_seconds:
        raise BadInputError(
            f"the video has {seconds:.0f} seconds, and at most {options.max_seconds:g} are taken: shorten it"
        )
    if not LEAST_SIDE <= min(width, height) <= max(width, height) <= MAX_SIDE:
        raise BadInputError(
            f"the video has {width:.0f} × {height:.0f} pixels, and {LEAST_SIDE} to {MAX_SIDE} on each side are taken"
        )
