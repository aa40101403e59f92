"""Whether the right people are observed in clips of several, how well, and where they are in the scene of all."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fit_avatar.body import Body, BodyState, pose_body
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.capture import Capture
from fit_avatar.capture.person import MIN_CONFIDENCE
from fit_avatar.capture.source import Source
from fit_avatar.errors import FitAvatarError
from fit_avatar.evaluate import mpjpe, pa_mpjpe
from fit_avatar.export import read_npz
from lib.mask_errors import mask_errors
from lib.true_clip import TrueClip, read_clip

COMPARED = (1, 2, 5, 8, 9, 10, 12, 13)
"""BODY_25 points by which people are told apart: neck, shoulders, hips and knees."""
NEAR_M = 0.15
"""Vertices of two people that are farther apart are not asked whether one is inside the other."""


def numbers_in(folder: Path) -> tuple[int, ...]:
    """Return the numbers of the people in a scene's folder."""
    return tuple(sorted(int(path.name.removeprefix("person_")) for path in folder.glob("person_*")))


def true_points(folder: Path) -> dict[int, NDArray[np.float64]]:
    """Return everybody's true points, by number. [T, 25, 2]"""
    return {k: np.load(folder / f"person_{k}" / "points.npz")["points"] for k in numbers_in(folder)}


def nearest_person(points: NDArray[np.float32], true: Mapping[int, NDArray[np.float64]], index: int) -> int:
    """Return the number of the person whose true points [T, 25, 2] are nearest to some [25, 3] of a frame."""
    seen = [k for k in COMPARED if points[k, 2] > MIN_CONFIDENCE] or list(COMPARED)
    return min(true, key=lambda k: float(np.linalg.norm(points[seen, :2] - true[k][index, seen], axis=1).mean()))


def score_identities(folder: Path, given: bool) -> list[dict[str, Any]]:
    """Tell everybody of a scene apart, and return a row for each: who they are, in how many frames, and swaps."""
    source = Source.of(
        video=folder / "video.mp4",
        camera=folder / "camera.json",
        keypoints=folder / "keypoints" if given else None,
    )
    true, key = true_points(folder), {"scene": folder.name, "inputs": "keypoints" if given else "raw"}
    people = source.tell_apart(lambda *_: None)
    rows = []
    for number in range(1, len(people) + 1):
        seen = people.choose(number, folder.name).person()
        who = [nearest_person(points, true, index) for index, points in sorted(seen.items())]
        person = max(true, key=who.count)
        swaps = sum(a != b for a, b in pairwise(who))
        row = {"--person": number, "person": person, "used": len(who), "right": who.count(person) / len(who)}
        rows.append({**key, **row, "swaps": swaps, "said": ""})
    return rows


def score_scene(folder: Path, given: bool, frames: int) -> list[dict[str, Any]]:
    """Observe everybody of a scene by their numbers, and return a row for each: who they are, and their masks."""
    true = true_points(folder)
    source = Source.of(
        video=folder / "video.mp4", camera=folder / "camera.json", max_frames=frames,
        keypoints=folder / "keypoints" if given else None,
    )  # fmt: skip
    rows = []
    for number in numbers_in(folder):
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
    person = max(true, key=who.count)
    errors = []
    for mask, index in zip(capture.masks, indices, strict=True):
        picture = cv2.imread(str(folder / f"person_{person}" / "masks" / f"{index:06d}.png"), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        errors.append(mask_errors(mask, picture > 127))
    ious = np.array([error.iou for error in errors])
    return {
        "person": person,
        "used": len(indices),
        "right": who.count(person) / len(who),
        "swaps": sum(a != b for a, b in pairwise(who)),
        "iou": float(ious.mean()),
        "worst": float(ious.min()),
        "outline_px": float(np.mean([error.outline_px for error in errors])),
        "said": " ".join(capture.warnings),
    }


# -- the scene of all ---------------------------------------------------------------------------------------------


def fit_everybody(folder: Path, frames: int, out: Path, *more: str) -> str:
    """Run the program for all people of a scene; return what it said where it failed, else nothing."""
    shutil.rmtree(out, ignore_errors=True)
    options = {"--video": folder / "video.mp4", "--camera": folder / "camera.json", "--out": out}
    words = [str(word) for pair in options.items() for word in pair]
    words += ["--person", "all", "--frames", str(frames), "--preset", "motion", "--motion", "fitted"]
    words += ["--texture-size", "64", "--log", "quiet", *more]
    done = subprocess.run([sys.executable, "-m", "fit_avatar", *words], capture_output=True, text=True, check=False)
    return " ".join(done.stderr.strip().splitlines()[-1:]) if done.returncode else ""


def score_everybody(folder: Path, out: Path) -> dict[int, dict[str, Any]]:
    """Return the errors of people who were fitted together, by the number that the program gave them.

    Joints against the truth, alone (as fitted by itself) and in the scene, and against anybody else's; and of each pair
    how far the distance of the pelvises is off, how deep one is inside the other, and in how many frames the wrong one
    is nearer.
    """
    with np.load(out / "people.npz") as stored:
        arrays = dict(stored)
    true, clips = true_points(folder), {k: read_clip(folder / f"person_{k}") for k in numbers_in(folder)}
    rows: dict[int, dict[str, Any]] = {}
    people: dict[int, tuple[TrueClip, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = {}
    for number in arrays["numbers"].tolist():
        body, state, capture, _ = read_npz(out / f"person_{number}" / "avatar.npz")
        frames, moved, scale = (arrays[f"{name}_{number}"] for name in ("frame_indices", "transl", "scale"))
        poses = {n: torch.from_numpy(arrays[f"{n}_{number}"]) for n in ("global_orient", "body_pose")}
        refined = BodyState(state.betas, state.offsets, transl=torch.from_numpy(moved), **poses)
        pixels = capture.camera.project(pose_body(body, state).joints.numpy())[:, :1]
        person = _who(pixels[:, 0], true, capture.frame_indices)
        clip = clips[person]
        alone, joints = (_joints(body, each) for each in (state, refined))
        together = joints * float(scale)
        surface = (pose_body(body, refined).vertices.numpy() * float(scale)).astype(np.float64)
        people[number] = clip, frames, together, surface
        rows[number] = {
            "person": person,
            "pa_alone_mm": 1000 * pa_mpjpe(alone, clip.joints[capture.frame_indices]),
            "pa_mpjpe_mm": 1000 * pa_mpjpe(joints, clip.joints[frames]),
            "mpjpe_mm": 1000 * mpjpe(together, clip.joints[frames], root=0),
            "mpjpe_of_other_mm": min(
                (1000 * mpjpe(together, clips[k].joints[frames], root=0) for k in clips if k != person), default=np.nan
            ),
        }
        faces = body.faces.numpy()
    for number, row in rows.items():
        others = [people[other] for other in rows if other != number]
        row |= _between(people[number], others, faces)
    return rows


def _who(pelvis: NDArray[np.float64], true: Mapping[int, NDArray[np.float64]], frames: NDArray[np.int64]) -> int:
    """Return whose true middle of the hips is nearest to some pixels [T, 2]."""
    return min(true, key=lambda k: float(np.linalg.norm(pelvis - true[k][frames, 8], axis=1).mean()))


def _joints(body: Body, state: BodyState) -> NDArray[np.float64]:
    return pose_body(body, state).joints.double().numpy()[:, :24]


def _between(own: Any, others: Any, faces: NDArray[np.int64]) -> dict[str, float]:
    """Return errors of the distance to the others, the deepest penetration, and the frames in a wrong order."""
    clip, frames, joints, surface = own
    off, deep, wrong = [], [0.0], []
    for other, theirs, their_joints, their_surface in others:
        _, a, b = np.intersect1d(frames, theirs, return_indices=True)
        found = joints[a, 0] - their_joints[b, 0]
        true = clip.joints[frames[a], 0] - other.joints[frames[a], 0]
        off += np.abs(np.linalg.norm(found, axis=1) - np.linalg.norm(true, axis=1)).tolist()
        wrong += (np.sign(found[:, 2]) != np.sign(true[:, 2]))[np.abs(true[:, 2]) > NEAR_M].tolist()
        deep += [penetration(surface[i], their_surface[j], faces) for i, j in zip(a, b, strict=True)]
    return {
        "distance_mm": 1000 * float(np.mean(off)) if off else float("nan"),
        "deepest_mm": 1000 * max(deep),
        "wrong_order": float(np.mean(wrong)) if wrong else 0.0,
    }


def penetration(one: NDArray[np.float64], other: NDArray[np.float64], faces: NDArray[np.int64]) -> float:
    """Return how deep vertices [V, 3] of one closed surface are inside another's of the same faces, in metres."""
    low, high = other.min(0), other.max(0)
    near = one[((one > low) & (one < high)).all(1)]
    if not len(near):
        return 0.0
    distance, nearest = cKDTree(other).query(near)
    normals = vertex_normals(torch.from_numpy(other), torch.from_numpy(faces)).numpy()
    behind = ((near - other[nearest]) * normals[nearest]).sum(1) < 0
    near, distance = near[behind & (distance < NEAR_M)], distance[behind & (distance < NEAR_M)]
    for place in np.argsort(-distance):  # the deepest that is inside
        if abs(_winding(near[place], other[faces])) > 0.5:
            return float(distance[place])
    return 0.0


def _winding(point: NDArray[np.float64], corners: NDArray[np.float64]) -> float:
    """Return how often a surface's triangles [F, 3, 3] go around a point, by their solid angles."""
    a, b, c = np.moveaxis(corners - point, 1, 0)
    la, lb, lc = (np.linalg.norm(each, axis=1) for each in (a, b, c))
    above = (a * np.cross(b, c)).sum(1)
    below = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
    return float(np.arctan2(above, below).sum() / (2 * np.pi))


def said_in(out: Path) -> str:
    """Return the warnings of everybody's runs."""
    files = sorted(out.glob("person_*/metrics.json"))
    return " ".join(sentence for file in files for sentence in json.loads(file.read_text())["warnings"])
