"""The arguments of the command ``fit-avatar`` and of the small commands beside it."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tyro

from fit_avatar.config import Config
from fit_avatar.errors import UsageError

T = TypeVar("T")
TOOLS = ("convert-body", "doctor", "presets")
"""Commands beside the main one."""


def parse(argv: Sequence[str] | None = None) -> Config:
    """Return the options of a command line.

    Raises:
        UsageError: it cannot be understood.
    """
    return _understood(Config, "fit-avatar", argv, tyro.conf.DisallowNone)


def run_tool(name: str, argv: Sequence[str]) -> bool:
    """Run one of the :data:`TOOLS`; return whether all is well.

    Raises:
        UsageError: its arguments cannot be understood.
        FitAvatarError: a file cannot be used.
    """
    functions: dict[str, Callable[..., bool]] = {"convert-body": convert_body, "doctor": examine, "presets": presets}
    return _understood(functions[name], f"fit-avatar {name}", argv)


def convert_body(source: tyro.conf.Positional[Path], target: tyro.conf.Positional[Path], force: bool = False) -> bool:
    """Rewrite your licensed SMPL, SMPL-H or SMPL-X file (.pkl or .npz) as an .npz of plain arrays.

    Args:
        source: the file you have; nothing in it is executed.
        target: the .npz to write.
        force: write over a file that is there already.
    """
    from fit_avatar import body

    kind = body.convert_body(source, target, force)
    print(f"{target} holds a {kind} body: use it with --body {target}")
    return True


def presets(name: tyro.conf.Positional[str] = "", table: bool = False) -> bool:
    """List the presets; or print one as JSON, to be edited and given back with --preset FILE.json.

    Args:
        name: of the preset; without it all are listed.
        table: print it to be read rather than edited.
    """
    from fit_avatar.fitting import PRESETS, preset, schedule_to_json

    if not name:
        for each in PRESETS:
            print(f"{each:<18} {preset(each).about}")
        return True
    chosen = preset(name)
    print(chosen if table else schedule_to_json(chosen))
    return True


def examine() -> bool:
    """Print which packages are installed and which device is used, and how to install what is missing."""
    from fit_avatar import doctor

    findings = doctor.examine()
    print(findings)
    return findings.usable


def _understood(target: Callable[..., T], program: str, argv: Sequence[str] | None, *markers: Any) -> T:
    """Return what a function returns, or a dataclass, whose arguments come from a command line."""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(target, prog=program, args=argv, config=(tyro.conf.FlagCreatePairsOff, *markers))
    except SystemExit as stop:
        if stop.code:
            raise UsageError(_one_sentence(complaint.getvalue())) from None
        raise


def _one_sentence(box: str) -> str:
    """Return what tyro drew in a box, without title, box and rules, and without the help texts."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    rows = "\n".join(line.strip("│╰╯ ") for line in plain.splitlines()[1:])
    sections = [" ".join(section.split()).rstrip(".") for section in re.split(r"^[─-]+$", rows, flags=re.MULTILINE)]
    told = [each for each in sections if each and not each.startswith(("For full helptext", "Argument helptext"))]
    sentence = re.sub(r"Missing from fit-avatar: (--[\w-]+) .*?\(required\)", r"\1 is missing", "; ".join(told))
    return re.sub(r"\.? Got errors: .*", "", sentence) + " (see fit-avatar --help)"
