"""The one place that opens what a user gives: plain files that may be read, of a bearable size, and JSON in them."""

from __future__ import annotations

import json
import math
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fit_avatar.errors import BadInputError

MAX_TEXT_BYTES = 256 << 20
"""Text files beyond this are refused: parsed, they would take several gigabytes."""
MAX_DIGITS = 20
"""Of a whole number that fits into 64 bits, with its sign."""


def require_file(path: Path, what: str, remedy: str = "check the path") -> None:
    """Check that a path is a plain file that this user may read.

    Args:
        path: what the user gave.
        what: what it is, such as "mask".
        remedy: what to do if there is none.

    Raises:
        BadInputError: it is not; the message says why.
    """
    _require(path, what, remedy, folder=False)


def require_folder(path: Path, what: str, remedy: str = "check the path") -> None:
    """Check that a path is a folder whose files this user may list.

    Raises:
        BadInputError: it is not; the message says why.
    """
    _require(path, what, remedy, folder=True)


def require_path(path: Path, what: str, remedy: str = "check the path") -> None:
    """Check that a path is a plain file or a folder that this user may read.

    Raises:
        BadInputError: it is not; the message says why.
    """
    _require(path, what, remedy, folder=None)


def _require(path: Path, what: str, remedy: str, folder: bool | None) -> None:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        link = ", but a link that leads nowhere" if os.path.islink(path) else ""
        raise BadInputError(f"there is no {what} {path}{link}: {remedy}") from None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise BadInputError(f"the {what} {path} cannot be opened ({reason}): {remedy}") from None
    if stat.S_ISDIR(mode):
        if folder is False:
            raise BadInputError(f"the {what} {path} is a folder: give the file itself")
        needed = os.R_OK | os.X_OK
    elif not stat.S_ISREG(mode):
        raise BadInputError(f"the {what} {path} is a pipe or device, not a file: give a plain file")
    elif folder:
        raise BadInputError(f"the {what} {path} is a file: give the folder itself")
    else:
        needed = os.R_OK
    if not os.access(path, needed):
        raise BadInputError(f"the {what} {path} may not be read by this user: change its permissions")


def read_text(path: Path, what: str) -> str:
    """Return the text of a file in UTF-8, with or without a byte-order mark.

    Raises:
        BadInputError: it cannot be opened, is very large, or is not text.
    """
    require_file(path, what)
    try:
        size = path.stat().st_size
        if size > MAX_TEXT_BYTES:
            raise BadInputError(
                f"the {what} {path} has {size >> 20} MB, more than the {MAX_TEXT_BYTES >> 20} MB that are read: "
                "check that it is the right file"
            )
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInputError(f"the {what} {path} cannot be read ({error.strerror or error}): check the file") from None
    except UnicodeDecodeError:
        raise BadInputError(f"the {what} {path} is not text in UTF-8: check that it is the right file") from None


def read_json(path: Path, what: str) -> Any:
    """Return the content of a JSON file; see :func:`parse_json`.

    Raises:
        BadInputError: it cannot be opened, or is not JSON.
    """
    text = read_text(path, what)
    try:
        return parse_json(text)
    except RecursionError:
        raise BadInputError(f"the {what} {path} is nested too deeply: make it again") from None
    except ValueError as error:
        raise BadInputError(f"the {what} {path} is not readable JSON ({error}): make it again") from None


def parse_json(text: str) -> Any:
    """Return JSON values. Whole numbers beyond 64 bits become floating-point numbers, infinite if need be.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_int=_whole)


def described(value: Any) -> str:
    """Return what a JSON value is, in a few words: "an object with fx, fy and 3 others"."""
    if isinstance(value, dict):
        names = [str(name)[:30] for name in list(value)[:4]]
        more = f" and {len(value) - len(names)} others" if len(value) > len(names) else ""
        return f"an object with {', '.join(names)}{more}" if names else "an empty object"
    if isinstance(value, list):
        if not value:
            return "an empty list"
        first = described(value[0]) if isinstance(value[0], dict) else _sort(value[0])
        return (
            f"a list of {len(value)}, each {first}" if isinstance(value[0], dict) else f"a list of {len(value)} {first}"
        )
    return f"only {_sort(value, one=True)}"


def _sort(value: Any, one: bool = False) -> str:
    kinds = ((bool, "truth value"), ((int, float), "number"), (str, "text"), (list, "list"))
    name = next((name for kind, name in kinds if isinstance(value, kind)), "null")
    return f"a {name}" if one else f"{name}s"


def _whole(digits: str) -> int | float:
    number = int(digits) if len(digits) <= MAX_DIGITS else 1 << 63
    return number if -(1 << 63) <= number < 1 << 63 else float(digits)


def numbers_in(value: Any, count: int) -> list[float] | None:
    """Return a number, or so many in an array, list or tuple; None if it is anything else. They may be infinite."""
    values = value.ravel().tolist() if hasattr(value, "ravel") else value
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    single = [each.item() if getattr(each, "size", 0) == 1 else each for each in values]  # NumPy's own numbers
    if len(single) != count or any(isinstance(x, bool) or not isinstance(x, (int, float)) for x in single):
        return None
    return [float(x) if abs(x) < 2**63 or isinstance(x, float) else math.inf for x in single]


@contextmanager
def plain_name(path: Path) -> Iterator[str]:
    """Yield a name of a file that any library opens as that file.

    Libraries in C take what stands before a colon for a protocol and a per cent sign for a pattern, and some crash on
    names that are not UTF-8; they are given a link with a plain name, where the system has links.
    """
    whole = os.path.abspath(path)
    if whole.isascii() and whole.isprintable() and not set(whole[len(os.path.splitdrive(whole)[0]) :]) & set(":%?*|"):
        yield whole
        return
    with tempfile.TemporaryDirectory() as folder:
        suffix = path.suffix if path.suffix[1:].isalnum() and path.suffix.isascii() else ""
        link = Path(folder) / f"file{suffix}"
        try:
            link.symlink_to(whole)
        except (OSError, NotImplementedError):  # Windows, where names are always Unicode
            yield whole
            return
        yield str(link)
