"""The arguments of the command ``fit-avatar`` and of the small commands beside it."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro

from fit_avatar.app.options import AppOptions
from fit_avatar.batch.options import BatchOptions
from fit_avatar.config import Config
from fit_avatar.errors import UsageError

T = TypeVar("T")
SAID = (
    (r"\.? Got errors: .*", ""),
    (r"Missing from fit-avatar: (--[\w-]+) .*?\(required\)", r"\1 is missing"),
    (r"Missing from fit-avatar batch: PATH .*?\(required\)", "the list or folder of clips is missing"),
    (r"Error parsing (--[\w-]+): no type matching FLOAT could be instantiated from \['(.*)'\]",
     r"\1 \2 is no number: write it as in 1.75"),
    (r"Error parsing (--[\w-]+): invalid literal for int\(\) with base 10: '(.*)'", r"\1 \2 is no whole number"),
    (r"(Unrecognized options: [^-\s][^\s;]*)$", r"\1: a clip is given with --video, a photograph with --image"),
)  # fmt: skip
"""What tyro says, and how it is said here."""
TOOLS = ("app", "batch", "convert-body", "doctor", "evaluate", "presets")
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
    functions: dict[str, Callable[..., bool | Callable[[], bool]]] = {
        "app": app,
        "batch": batch,
        "convert-body": convert_body,
        "doctor": examine,
        "evaluate": evaluate,
        "presets": presets,
    }
    found = _understood(functions[name], f"fit-avatar {name}", argv, tyro.conf.DisallowNone)
    return found if isinstance(found, bool) else found()


def app(options: Annotated[AppOptions, tyro.conf.arg(name="")]) -> Callable[[], bool]:
    """Serve a page on which a video, dropped or filmed with the webcam, becomes an avatar.

    Only this machine reaches it, unless --host says otherwise. Needs Gradio.

    Args:
        options: how it is served.
    """

    def go() -> bool:
        from fit_avatar.app.server import serve

        def tell(line: str) -> None:
            print(line, file=sys.stderr, flush=True)

        serve(options, tell)
        return True

    return go


def batch(
    clips: tyro.conf.Positional[Path],
    how: Annotated[BatchOptions, tyro.conf.arg(name="")],
    common: Annotated[Config, tyro.conf.arg(name="")],
) -> Callable[[], bool]:
    """Fit many clips, each in a process of its own; the folder --out gets results.csv and index.html.

    A second run does what is not done yet. All options of fit-avatar are taken, too, for all clips.

    Args:
        clips: a folder of videos; a text file with one a line; or a .csv with a column video, and others that are named
            as options: height_m, camera, person, name …
        how: how the batch is run.
        common: options of all clips.
    """

    def go() -> bool:  # once the arguments are read, during which nothing may be said on stderr
        from fit_avatar.batch.run import run
        from fit_avatar.progress import reporter_for

        with reporter_for(common.log) as reporter:
            summary = run(clips, common, how, partial(_over, common), reporter)
        if common.log == "json":
            print(json.dumps(summary.as_event(), default=str), flush=True)
        elif common.log != "quiet":
            print(summary)
        return summary.complete

    return go


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


def _over(common: Config, words: Sequence[str]) -> Config:
    """Return options with those of a command line in their place."""
    return _understood(Config, "fit-avatar", words, tyro.conf.DisallowNone, default=common)


def _understood(
    target: Callable[..., T], program: str, argv: Sequence[str] | None, *markers: Any, default: T | None = None
) -> T:
    """Return what a function returns, or a dataclass, whose arguments come from a command line, or from a default."""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            given: dict[str, Any] = {} if default is None else {"default": default}
            found: T = tyro.cli(
                target, prog=program, args=argv, config=(tyro.conf.FlagCreatePairsOff, *markers), **given
            )
            return found
    except SystemExit as stop:
        if stop.code:
            raise UsageError(_one_sentence(complaint.getvalue())) from None
        raise


def _one_sentence(box: str) -> str:
    """Return what tyro drew in a box, without title, box and rules, and without the help texts."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    rows = "\n".join(line.strip("│╰╯ ") for line in plain.splitlines()[1:])
    sections = [_told(section.strip()) for section in re.split(r"^[─-]+$", rows, flags=re.MULTILINE)]
    sentence = "; ".join(filter(None, sections))
    for pattern, said in SAID:
        sentence = re.sub(pattern, said, sentence)
    return sentence + " (see fit-avatar --help)"


def _told(section: str) -> str:
    """Return what one part of the box says in a line, without the help texts of the options that it names."""
    if section.startswith(("For full helptext", "Argument helptext")):
        return ""
    if section.startswith("Perhaps you meant"):
        return "perhaps you meant " + " or ".join(re.findall(r"^(--[\w-]+)", section, re.MULTILINE)[:2])
    return " ".join(section.split()).rstrip(".")
