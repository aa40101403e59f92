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
TOOLS = ("convert-body", "doctor", "evaluate", "presets")
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
    functions: dict[str, Callable[..., bool]] = {
        "convert-body": convert_body,
        "doctor": examine,
        "evaluate": evaluate,
        "presets": presets,
    }
    return _understood(functions[name], f"fit-avatar {name}", argv, tyro.conf.DisallowNone)


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


def evaluate(
    result: tyro.conf.Positional[Path],
    truth: Path,
    protocol: str = "",
    json: Path | None = None,
    person: int | None = None,
    camera: int | None = None,
    truth_body: Path | None = None,
    regressor: Path | None = None,
    offset: int = 0,
    step: int = 1,
    force: bool = False,
) -> bool:
    """Score an avatar's motion against the truth of a public data set; docs/evaluation.md has the protocols.

    Args:
        result: folder of the results, with avatar.npz.
        truth: file of 3DPW, Human3.6M, HumanEva-I, MPI-INF-3DHP, UP-3D, AMASS or People-Snapshot, or an .npz with
            joints.
        protocol: 3dpw, 3dpw-14, h36m-17, h36m-p1, h36m-p2, humaneva, mpi-inf-3dhp, mpi-inf-3dhp-universal or smpl-24;
            by default the one that fits the file.
        json: also write the measures to this file.
        person: number of the person, from 0, where the truth has several.
        camera: number of the camera, from 0, where the truth has several.
        truth_body: your SMPL model file, or the folder with one for each gender; needed where the truth is parameters.
        regressor: joints from vertices, such as J_regressor_h36m.npy; needed by 3dpw-14.
        offset: number of the truth's frame that the clip's frame 0 shows.
        step: how many frames the truth goes on from one frame of the clip to the next, as 4 from 120 to 30 a second.
        force: write over a JSON file that is there already.
    """
    from fit_avatar.avatar import Avatar
    from fit_avatar.evaluate import Choice, evaluate_motion, read_truth
    from fit_avatar.evaluate import protocol as named
    from fit_avatar.io.outputs import refuse_existing

    universal = bool(protocol) and named(protocol).universal
    if json is not None:
        refuse_existing(json, [truth, result / "avatar.npz"], force)
    avatar = Avatar.load(result)
    true = read_truth(truth, Choice(person, camera, truth_body, universal))
    scores = evaluate_motion(avatar.body, avatar.motion, true, protocol, regressor, offset, step)
    print(scores)
    if json is not None:
        scores.write_json(json)
    return True


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
