"""Inputs that no program writes on purpose: damaged files, absurd numbers, strange names, things that are no files."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import random
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from fit_avatar.capture.blazepose.models import FOLDER
from lib.damage import NUMBERS, Damage

SIZE, FRAMES = (160, 240), 8
NAMES = (
    "a:b",
    "pipe:1x",
    "http:x",
    "-",
    "x\ny",
    "tab\there",
    "%05d",
    "*",
    "ü" * 90,
    "n" * 300,
    "é\udce4",
    "con cat",
    "\x1b[31m",
)


@dataclass(frozen=True)
class Case:
    """One call of the command line."""

    kind: str
    argv: tuple[str, ...]


def write_inputs(folder: Path) -> None:
    """Write a small clip of an outlined person who sways, and a file of each kind that goes with it."""
    for name in ("masks", "keypoints"):
        (folder / name).mkdir(parents=True)
    video = cv2.VideoWriter(str(folder / "video.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 12.0, SIZE)
    middle = SIZE[0] / 2
    points = np.array([[middle + 14 * np.sin(3 * k), 20 + 8 * k, 0.9] for k in range(25)])
    for k in range(FRAMES):
        mask, sway = np.zeros(SIZE[::-1], np.uint8), round(12 * np.sin(k))
        cv2.ellipse(mask, (SIZE[0] // 2 + sway, SIZE[1] // 2), (30 + k % 3, 110), 0, 0, 360, 255, -1)
        noise = np.random.default_rng(k).integers(0, 60, (*mask.shape, 3), np.uint8)
        video.write(np.where(mask[..., None] > 0, 180, 60).astype(np.uint8) + noise)
        cv2.imwrite(str(folder / "masks" / f"{k:06d}.png"), mask)
        swayed = points + np.array([sway, 0, 0])
        people = {"people": [{"pose_keypoints_2d": swayed.ravel().round(2).tolist()}]}
        (folder / "keypoints" / f"{k:06d}_keypoints.json").write_text(json.dumps(people))
    video.release()
    cv2.imwrite(str(folder / "photo.png"), np.full((*SIZE[::-1], 3), 90, np.uint8))
    camera = {"fx": 300.0, "fy": 300.0, "cx": 80.0, "cy": 120.0, "width": SIZE[0], "height": SIZE[1]}
    (folder / "camera.json").write_text(json.dumps(camera))
    snapshot = {"camera_f": np.array([300.0, 300]), "camera_c": np.array([80.0, 120]), "width": 160, "height": 240}
    (folder / "camera.pkl").write_bytes(pickle.dumps(snapshot, protocol=2))
    arrays = {"v_template": np.zeros((4, 3)), "f": np.zeros((1, 3), int), "kintree_table": np.zeros((2, 24), int)}
    np.savez(folder / "body.npz", **arrays)
    (folder / "body.pkl").write_bytes(pickle.dumps(arrays, protocol=2))
    poses = np.random.default_rng(0).normal(0, 0.1, (FRAMES, 72))
    np.savez(folder / "poses.npz", poses=poses, trans=np.zeros((FRAMES, 3)), betas=np.zeros(10), mocap_framerate=12.0)
    track = {"pose": poses, "betas": np.zeros((FRAMES, 10)), "frame_ids": np.arange(FRAMES)}
    (folder / "poses.pkl").write_bytes(pickle.dumps({1: track}, protocol=2))
    np.savez(folder / "truth.npz", joints=np.random.default_rng(1).normal(0, 0.5, (FRAMES, 24, 3)))
    _write_avatar(folder / "avatar")
    (folder / "model.tflite").write_bytes((FOLDER / "pose_landmark_full.tflite").read_bytes())


def _write_avatar(folder: Path) -> None:
    """Write the default body in a few poses as an earlier run would have."""
    import torch

    from fit_avatar.body import load_body
    from fit_avatar.body.state import BodyState
    from fit_avatar.capture.types import Camera
    from fit_avatar.export.npz import write_npz

    folder.mkdir()
    body = load_body(2)
    zeros = torch.zeros(FRAMES, len(body.parents), 3)
    state = BodyState(torch.zeros(2), torch.zeros_like(body.template), zeros[:, 0], zeros[:, 1:], zeros[:, 0] + 3.0)
    camera = Camera(300.0, 300.0, 80.0, 120.0, *SIZE)
    capture: Any = SimpleNamespace(camera=camera, frame_indices=np.arange(FRAMES), fps=12.0)
    write_npz(folder / "avatar.npz", body, state, capture)


class Hostile:
    """Makes cases from a seed; what they need is written below a folder of their own."""

    def __init__(self, inputs: Path, schedule: str, seed: int) -> None:
        """Damage copies of the files of ``inputs``, and of a schedule."""
        self._inputs, self._schedule, self._random = inputs, schedule, random.Random(seed)
        self._damage = Damage(self._random)

    def case(self, folder: Path) -> Case:
        """Return one case, whose files are in ``folder``; results go to ``folder / "out"``."""
        make = self._random.choice(
            [
                self._file,
                self._file,
                self._file,
                self._file,
                self._special,
                self._member,
                self._option,
                self._name,
                self._out,
                self._tool,
            ]
        )
        folder.mkdir()
        return make(folder)

    # -- kinds ------------------------------------------------------------------------------------------------

    def _file(self, folder: Path) -> Case:
        """Damage one file."""
        option, name = self._random.choice(
            [
                ("--video", "video.mp4"), ("--image", "photo.png"), ("--camera", "camera.json"),
                ("--camera", "camera.pkl"), ("--keypoints", "keypoints"), ("--masks", "masks"),
                ("--body", "body.npz"), ("--body", "body.pkl"), ("--preset", "preset.json"),
                ("--init", "poses.npz"), ("--init", "poses.pkl"), ("--avatar", "avatar"),
                ("--pose-model", "model.tflite"),
            ]
        )  # fmt: skip
        source = self._inputs / name
        if source.is_dir():
            target = folder / name
            target.mkdir()
            for file in source.iterdir():
                (target / file.name).write_bytes(file.read_bytes())
            victim = self._random.choice(sorted(target.iterdir()))
            victim.write_bytes(self._damage(victim.read_bytes(), victim.suffix))
        else:
            target = folder / name
            content = self._schedule.encode() if name == "preset.json" else source.read_bytes()
            target.write_bytes(self._damage(content, target.suffix))
        return Case(f"damaged {name}", self._with(folder, {option: str(target)}))

    def _special(self, folder: Path) -> Case:
        """Give something that is no plain file."""
        target = folder / "special.json"
        kind = self._random.choice(["fifo", "zero", "dangling", "circle", "folder", "empty", "unreadable"])
        if kind == "fifo":
            os.mkfifo(target)
        elif kind in ("zero", "dangling", "circle"):
            target.symlink_to({"zero": "/dev/zero", "dangling": "nowhere", "circle": "special.json"}[kind])
        elif kind == "folder":
            target.mkdir()
        else:
            target.touch(0o000 if kind == "unreadable" else 0o644)
        option = self._random.choice(
            ["--video", "--image", "--camera", "--keypoints", "--masks", "--body", "--preset", "--extension", "--init"]
        )
        return Case(f"{kind} as {option}", self._with(folder, {option: str(target)}))

    def _member(self, folder: Path) -> Case:
        """Put something that is no plain file into a folder with one file for each frame."""
        name = self._random.choice(["keypoints", "masks", "pictures"])
        target, source = folder / name, self._inputs / ("masks" if name == "pictures" else name)
        target.mkdir()
        for file in source.iterdir():
            (target / file.name).write_bytes(file.read_bytes())
        victim = self._random.choice(sorted(target.iterdir()))
        kind = self._random.choice(["fifo", "zero", "dangling", "folder", "gone", "lock", "twice"])
        if kind in ("lock", "twice"):  # an editor's lock file, and two files for one frame
            place = target / (f".#{victim.name}" if kind == "lock" else f"more_{victim.name}")
            place.symlink_to("nobody@nowhere:1" if kind == "lock" else victim.name)
        else:
            victim.unlink()
        if kind == "fifo":
            os.mkfifo(victim)
        elif kind in ("zero", "dangling"):
            victim.symlink_to("/dev/zero" if kind == "zero" else "nowhere")
        elif kind == "folder":
            victim.mkdir()
        option = "--video" if name == "pictures" else f"--{name}"
        return Case(f"{kind} in {name}", self._with(folder, {option: str(target)}))

    def _option(self, folder: Path) -> Case:
        """Give an absurd number."""
        option = self._random.choice(
            [
                "--height-m", "--fov-deg", "--focal-px", "--focal-35mm", "--frames", "--texture-size", "--num-betas",
                "--fps", "--person",
            ]
        )  # fmt: skip
        value = self._random.choice([number.strip('"') for number in NUMBERS])
        return Case(f"{option} {value[:20]}", self._with(folder, {option: value}))

    def _name(self, folder: Path) -> Case:
        """Give a file a strange name."""
        option, name = self._random.choice(
            [
                ("--video", "video.mp4"),
                ("--image", "photo.png"),
                ("--camera", "camera.json"),
                ("--keypoints", "keypoints"),
            ]
        )
        target = folder / (self._random.choice(NAMES) + Path(name).suffix)
        with contextlib.suppress(OSError, ValueError):  # longer than the file system allows: it is given all the same
            target.symlink_to(self._inputs / name)
        return Case(f"name {target.name[:20]!r}", self._with(folder, {option: str(target)}))

    def _out(self, folder: Path) -> Case:
        """Ask for results where they cannot or must not be written."""
        out = folder / "out"
        kind = self._random.choice(
            ["dangling", "circle", "file", "cache", "foreign", "folder", "long", "frames", "control"]
        )
        extra: dict[str, str] = {}
        if kind in ("dangling", "circle"):
            out.symlink_to("nowhere" if kind == "dangling" else "out")
        elif kind == "file":
            out.touch()
        elif kind in ("cache", "foreign", "folder", "frames"):
            out.mkdir()
            place = out / {"cache": "cache", "frames": "frames"}.get(
                kind, self._random.choice(["avatar.npz", "report.html", "overlay.mp4", "metrics.json", "avatar.png"])
            )
            if kind in ("folder", "frames"):
                place.mkdir()
                (place / "mine.txt").write_text("mine")
            else:
                place.write_text("mine")
            extra = {"--export": "frames"} if kind == "frames" else {}
        else:
            out = folder / ("o" * 300 if kind == "long" else "a\nb\x07")
        return Case(f"--out {kind}", self._with(folder, {"--out": str(out), **extra}))

    def _tool(self, folder: Path) -> Case:
        """Call one of the small commands."""
        source = self._inputs / self._random.choice(["body.npz", "body.pkl", "camera.json", "masks"])
        damaged = folder / source.name
        damaged.write_bytes(self._damage(b"" if source.is_dir() else source.read_bytes(), source.suffix))
        result, truth = folder / "avatar", folder / "truth.npz"
        result.mkdir()
        intact = [(self._inputs / name).read_bytes() for name in ("avatar/avatar.npz", "truth.npz")]
        broken = self._random.randrange(2)
        for number, (place, content) in enumerate(zip((result / "avatar.npz", truth), intact, strict=True)):
            place.write_bytes(self._damage(content, ".npz") if number == broken else content)
        calls = [
            ("evaluate", str(result), "--truth", str(truth)),
            ("evaluate", str(result), "--truth", str(truth)),
            ("convert-body", str(damaged), str(folder / "new.npz")),
            ("convert-body", str(source), str(source)),
            ("convert-body", str(source), str(self._inputs / "camera.json"), "--force")[:3],
            ("presets", self._random.choice(NAMES).replace("\udce4", "")),
        ]
        return Case("tool", self._random.choice(calls))

    def _with(self, folder: Path, changed: dict[str, str]) -> tuple[str, ...]:
        given = {name: str(self._inputs / name[2:]) for name in ("--keypoints", "--masks")}
        given |= {"--video": str(self._inputs / "video.mp4"), "--out": str(folder / "out"), "--log": "quiet"}
        given |= changed
        if "--image" in changed:
            del given["--video"]
        if "--pose-model" in changed:  # which has something to find then
            del given["--masks"]
        return tuple(word for option, value in given.items() for word in (option, value))
