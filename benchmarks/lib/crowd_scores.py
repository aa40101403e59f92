"""Whether the right person is observed in clips of two people, and how well."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.avatar import Avatar
from fit_avatar.capture import Capture
from fit_avatar.capture.person import MIN_CONFIDENCE
from fit_avatar.capture.source import Source
from fit_avatar.errors import FitAvatarError
from lib.command_line import command
from lib.mask_errors import mask_errors
from lib.motion_scores import measured
from lib.true_clip import read_clip

COMPARED = (1, 2, 5, 8, 9, 10, 12, 13)
"""BODY_25 points by which people are told apart: neck, shoulders, hips and knees."""
PEOPLE = (1, 2)


def nearest_person(points: NDArray[np.float32], true: Mapping[int, NDArray[np.float64]], index: int) -> int:
    """Return the number of the person whose true points [T, 25, 2] are nearest to some [25, 3] of a frame."""
    seen = [k for k in COMPARED if points[k, 2] > MIN_CONFIDENCE] or list(COMPARED)
    return min(true, key=lambda k: float(np.linalg.norm(points[seen, :2] - true[k][index, seen], axis=1).mean()))


def score_scene(folder: Path, given: bool, frames: int) -> list[dict[str, Any]]:
    """Observe both people of a scene by their numbers, and return a row for each: who they are, and their masks."""
    true = {k: np.load(folder / f"person_{k}" / "points.npz")["points"] for k in PEOPLE}
    source = Source.of(
        video=folder / "video.mp4", camera=folder / "camera.json", max_frames=frames,
        keypoints=folder / "keypoints" if given else None,
    )  # fmt: skip
    rows = []
    for number in PEOPLE:
        row = {"scene": folder.name, "inputs": "keypoints" if given else "raw", "--person": number}
        began = time.perf_counter()
        try:
            capture = replace(source, person=number).observe()
        except FitAvatarError as error:
            rows.append({**row, "said": str(error)})
            continue
        source = replace(source, people=capture.people)  # told apart once
        rows.append({**row, **_scored(folder, capture, true), "seconds": time.perf_counter() - began})
    return rows


def _scored(folder: Path, capture: Capture, true: Mapping[int, NDArray[np.float64]]) -> dict[str, Any]:
    indices = capture.frame_indices.tolist()
    who = [nearest_person(points, true, index) for points, index in zip(capture.keypoints, indices, strict=True)]
    person = max(PEOPLE, key=who.count)
    errors = []
    for mask, index in zip(capture.masks, indices, strict=True):
        picture = cv2.imread(str(folder / f"person_{person}" / "masks" / f"{index:06d}.png"), cv2.IMREAD_GRAYSCALE)
        errors.append(mask_errors(mask, picture > 127))
    ious = np.array([error.iou for error in errors])
    return {
        "person": person,
        "used": len(indices),
        "right": who.count(person) / len(who),
        "iou": float(ious.mean()),
        "worst": float(ious.min()),
        "outline_px": float(np.mean([error.outline_px for error in errors])),
        "said": " ".join(capture.warnings),
    }


def score_fit(folder: Path, person: int, number: int, frames: int, out: Path) -> dict[str, Any]:
    """Run the program for one person, by number, and compare the motion with the true one's."""
    clip = read_clip(folder / f"person_{person}")
    shutil.rmtree(out, ignore_errors=True)
    words = command(replace(clip, folder=folder), "raw", frames, out, "--preset", "motion", "--texture-size", "64")
    done = subprocess.run([*words, "--person", str(number)], capture_output=True, text=True, check=False)
    if done.returncode:
        return {"exit": done.returncode, "said": done.stderr.strip().splitlines()[-1:]}
    avatar = Avatar.load(out)
    said = tuple(json.loads((out / "metrics.json").read_text())["warnings"])
    state, used = avatar.state, avatar.capture.frame_indices
    return {"exit": 0, **measured(avatar.body, state, used, avatar.capture, clip, said)}
