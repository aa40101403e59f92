"""Clips that show two synthetic people: each is cut out of a clip of their own and pasted, the nearer one last."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture import read_frames
from fit_avatar.io.video import video_file
from lib.rendering import background
from lib.true_clip import TrueClip, read_clip

FORMAT = 2
"""Raised whenever the clips come out differently, so that folders of an older recipe are made again."""
FPS = 30
HIDDEN = 0.3
"""Given keypoints lack a person of whom less than this fraction is seen: detectors do not find them either."""
Place = Callable[[float], tuple[float, float, float]]
"""Time, 0 to 1 → shift to the right and down, in widths of the picture, and scale about the picture's middle."""


@dataclass(frozen=True)
class Part:
    """One person of a scene."""

    motion: str
    """Name of the clip that they are cut out of."""
    place: Place
    backwards: bool = False
    """Whether the clip runs from its end to its beginning."""


def _ramp(start: float, end: float, down: float = 0.0, scale: float = 1.0) -> Place:
    return lambda time: (start + (end - start) * time, down, scale)


def _away(home: float, out: float, back: float) -> Place:
    """Leave at one side by 30 % of the time, and come in at another one from 65 %."""
    times, places = (0.1, 0.3, 0.301, 0.65, 0.9), (home, out, back, back, home)
    return lambda time: (float(np.interp(time, times, places)), 0.0, 1.0)


SCENES: dict[str, tuple[Part, Part]] = {
    "side by side": (Part("punch", _ramp(-0.2, -0.2)), Part("dance", _ramp(0.22, 0.22))),
    "crossing": (Part("kick", _ramp(0.26, -0.26, 0.03, 1.05)), Part("reach", _ramp(-0.26, 0.26))),
    "crossing alike": (
        Part("walk", _ramp(-0.1, 0.1, 0.02, 1.05)), Part("walk", _ramp(0.12, -0.12), backwards=True)
    ),
    "one behind the other": (
        Part("dance", _ramp(-0.03, -0.03, 0.03, 1.05)), Part("sit_stand", _ramp(0.07, 0.1, -0.02, 0.8))
    ),
    "leaves and returns": (Part("punch", _ramp(-0.1, -0.1)), Part("kick", _away(0.2, 0.75, -0.75))),
}  # fmt: skip
"""Name → the nearer person, and the one who is farther away."""


@dataclass(frozen=True)
class CutOut:
    """One person's pictures, masks and points at their places in the scene."""

    clip: TrueClip
    frames: list[NDArray[np.uint8]]
    masks: list[NDArray[np.uint8]]  # 0 or 255
    points: NDArray[np.float64]  # [T, 25, 2], the true ones
    given: NDArray[np.float64]  # [T, 25, 3], with noise
    order: NDArray[np.int64]  # frame of the clip for each of the scene's. [T]

    @classmethod
    def of(cls, clips: Path, part: Part, count: int) -> CutOut:
        """Read a clip's folder and move its person to where the scene has them."""
        clip = read_clip(clips / part.motion)
        width, height = clip.camera.width, clip.camera.height
        order = np.arange(count)[::-1] if part.backwards else np.arange(count)
        pictures = dict(read_frames(clip.folder / "video.mp4", range(count)))
        true = clip.camera.project(clip.keypoints)
        frames, masks, points, given = [], [], [], []
        for place, index in enumerate(order.tolist()):
            right, down, scale = part.place(place / max(count - 1, 1))
            middle = np.array([width, height]) / 2
            shift = middle * (1 - scale) + np.array([right, down]) * width
            matrix = np.column_stack([np.eye(2) * scale, shift])
            mask = cv2.imread(str(clip.folder / "masks" / f"{index:06d}.png"), cv2.IMREAD_GRAYSCALE)
            assert mask is not None
            frames.append(np.asarray(cv2.warpAffine(pictures[index], matrix, (width, height)), np.uint8))
            masks.append(np.asarray(cv2.warpAffine(mask, matrix, (width, height)), np.uint8))
            points.append(true[index] * scale + shift)
            file = clip.folder / "keypoints" / f"{index:06d}_keypoints.json"
            noisy = np.array(json.loads(file.read_text())["people"][0]["pose_keypoints_2d"]).reshape(25, 3)
            given.append(np.column_stack([noisy[:, :2] * scale + shift, noisy[:, 2]]))
        return cls(clip, frames, masks, np.stack(points), np.stack(given), order)


def write_crowd(folder: Path, name: str, clips: Path, count: int = 60) -> Path:
    """Write a scene's folder, unless it is there already; return it.

    It holds ``video.mp4``, ``camera.json``, ``keypoints/`` of everybody in mixed order, and for each person, the nearer
    one first, ``person_1/`` and so on with ``masks/`` of what is seen of them, ``points.npz`` and ``gt.npz``.
    """
    recipe = {"format": FORMAT, "scene": name, "frames": count}
    note = folder / "recipe.json"
    if note.exists() and json.loads(note.read_text()) == recipe:
        return folder
    people = [CutOut.of(clips, part, count) for part in SCENES[name]]
    camera = people[0].clip.camera
    scene = (background(3, camera) * 255).astype(np.uint8)
    (folder / "keypoints").mkdir(parents=True, exist_ok=True)
    seen = [_visible(people, t) for t in range(count)]
    with video_file(folder / "video.mp4", FPS) as append:
        for t in range(count):
            append(_painted(scene, people, t))
            file = folder / "keypoints" / f"{t:06d}_keypoints.json"
            file.write_text(json.dumps({"version": 1.3, "people": _given(people, seen[t], t)}))
    values = (people[0].clip.folder / "camera.json").read_text()
    (folder / "camera.json").write_text(values)
    for k, person in enumerate(people):
        _write_person(folder / f"person_{k + 1}", person, [masks[k] for masks in seen], values)
    note.write_text(json.dumps(recipe))
    return folder


def _painted(scene: NDArray[np.uint8], people: list[CutOut], t: int) -> NDArray[np.uint8]:
    """Return a frame: everybody over the scene, the nearest last, with edges as soft as a camera's."""
    picture = scene.astype(np.float32)
    for person in reversed(people):
        alpha = cv2.GaussianBlur(person.masks[t], (0, 0), 0.7)[..., None] / np.float32(255)
        picture += alpha * (person.frames[t] - picture)
    return np.asarray(picture.clip(0, 255), np.uint8)


def _visible(people: list[CutOut], t: int) -> list[NDArray[np.bool_]]:
    """Return what is seen of each, the nearest first. [H, W] each"""
    nearer = np.zeros(people[0].masks[t].shape, bool)
    seen = []
    for person in people:
        own = person.masks[t] > 127
        seen.append(own & ~nearer)
        nearer |= own
    return seen


def _given(people: list[CutOut], seen: list[NDArray[np.bool_]], t: int) -> list[dict[str, list[float]]]:
    """Return everybody's keypoints in a random order; points that others hide, or outside, are unseen."""
    found = []
    for person, visible in zip(people, seen, strict=True):
        whole = max(np.count_nonzero(person.masks[t] > 127), 1)
        points = person.given[t].copy()
        height, width = visible.shape
        x, y = points[:, 0].astype(int), points[:, 1].astype(int)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        others = (person.masks[t] > 127) & ~visible
        points[~inside | others[y.clip(0, height - 1), x.clip(0, width - 1)]] = 0
        if np.count_nonzero(visible) > HIDDEN * whole and (points[:, 2] > 0).sum() > 5:
            found.append({"pose_keypoints_2d": points.ravel().tolist()})
    return [found[k] for k in np.random.default_rng(t).permutation(len(found))]


def _write_person(folder: Path, person: CutOut, masks: list[NDArray[np.bool_]], camera: str) -> None:
    """Write one person's truth as the folder of a clip, whose joints are in the camera's axes of their own clip."""
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    for t, mask in enumerate(masks):
        cv2.imwrite(str(folder / "masks" / f"{t:06d}.png"), mask.astype(np.uint8) * 255)
    with np.load(person.clip.folder / "gt.npz") as stored:
        truth = dict(stored)
    for key in ("joints_smpl24", "joints_body25"):
        truth[key] = truth[key][person.order]
    truth["frame_index"] = np.argsort(person.order)[truth["frame_index"]]
    np.savez_compressed(folder / "gt.npz", **truth)
    np.savez_compressed(folder / "points.npz", points=person.points)
    (folder / "camera.json").write_text(camera)
