"""Clips of several synthetic people in one room before one camera, who hide each other as people do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from fit_avatar.body import Body, BodyState, Posed, load_body, pose_body
from fit_avatar.body.skinning import pose_points
from fit_avatar.capture import Camera
from fit_avatar.io.video import video_file
from lib.dressed_person import Person, make_person
from lib.motions import CURVES, FPS, TAKES, recorded
from lib.moved_person import ASPECT, FOCAL, TILT_RAD, placed, seen_from
from lib.rendering import Paint, background, render, shadow
from lib.synthetic_person import KEYPOINT_NOISE_PX, NUM_BETAS, write_truth

FORMAT = 3
"""Raised whenever the clips come out differently, so that folders of an older recipe are made again."""
HIDDEN = 0.3
"""Given keypoints lack a person of whom less than this fraction is seen: detectors do not find them either."""
BEHIND_M = 0.15
"""A point so far behind what is seen at its pixel is hidden."""
CAMERA_M = 1.35
"""Height of the camera."""
FARTHEST_M = 1.5
"""The wall is so far behind the room's middle."""
Path2D = Callable[[float], tuple[float, float]]
"""Time, 0 to 1 → place on the floor in metres: to the camera's right, and towards the camera."""


@dataclass(frozen=True)
class Part:
    """One person of a scene."""

    motion: str
    """One of ``motions.CURVES``, or of ``motions.TAKES``, which take recordings."""
    place: Path2D
    seed: int
    """Of body and clothes."""
    facing_deg: float = 0.0
    """0 is towards the camera, 90 to its right."""


@dataclass(frozen=True)
class Scene:
    """People before a camera."""

    parts: tuple[Part, ...]
    away_m: float = 3.8
    """From the camera to the middle of the room."""
    longer: float = 1.0
    """So many times longer is it than others."""


def _at(right: float, near: float = 0.0) -> Path2D:
    return lambda time: (right, near)


def _away(home: float, out: float, back: float, near: float) -> Path2D:
    """Leave at one side by 35 % of the time, and come in at the other one from 60 %."""
    times, places = (0.0, 0.35, 0.351, 0.6, 1.0), (home, out, -out, -out, back)
    return lambda time: (float(np.interp(time, times, places)), near)


SCENES: dict[str, Scene] = {
    "side by side": Scene((Part("kick", _at(-0.75), 2, 20.0), Part("dance", _at(0.85), 8))),
    "crossing": Scene((Part("walk", _at(-1.2, 0.45), 0, 90.0), Part("walk", _at(1.2, -0.45), 5, -90.0))),
    "crossing alike": Scene((Part("walk", _at(-1.2, 0.45), 0, 90.0), Part("walk", _at(1.2, -0.45), 0, -90.0))),
    "one behind the other": Scene((Part("dance", _at(-0.15, 0.4), 8), Part("sit_stand", _at(0.25, -0.5), 5, 15.0))),
    "leaves and returns": Scene(
        (Part("dance", _at(0.0, 0.2), 8), Part("kick", _away(1.0, 3.1, -1.0, -0.4), 2)), 3.8, 1.5
    ),
    "shaking hands": Scene((Part("shake", _at(-0.42), 8, 90.0), Part("shake", _at(0.42), 5, -90.0)), 3.6),
    "close together": Scene((Part("reach", _at(-0.22), 2), Part("sit_stand", _at(0.3, -0.06), 5)), 3.6),
    "three": Scene(
        (
            Part("reach", _at(-0.9, 0.2), 8), Part("dance", _at(0.9, 0.0), 5),
            Part("kick", _away(0.1, 3.3, -0.1, -0.7), 2),
        ), 3.8, 1.5,
    ),
}  # fmt: skip
"""By name; people's numbers are those of their parts."""

IDENTITIES = ("three",)
"""Scenes in which people are told apart and no more."""


def needs_recordings(name: str) -> bool:
    """Return whether a scene can be made with recorded motions only."""
    return any(part.motion in TAKES for part in SCENES[name].parts)


@dataclass(frozen=True)
class Recordings:
    """Where ASF and AMC files are, and their frames a second."""

    folder: Path | None = None
    fps: float = 120.0


@dataclass(frozen=True)
class Actor:
    """A person and their motion in the camera's coordinates."""

    person: Person
    paint: Paint
    state: BodyState
    posed: Posed  # of T frames
    points: Tensor  # BODY_25 [T, 25, 3]

    @classmethod
    def of(cls, body: Body, part: Part, view: Tensor, eye: Tensor, frames: int, recordings: Recordings) -> Actor:
        """Put somebody into the room. ``view``: from its axes to the camera's [3, 3]; ``eye``: the camera [3]"""
        if part.motion in CURVES:
            motion = CURVES[part.motion].make(frames)
        else:
            assert recordings.folder is not None
            motion = recorded(recordings.folder, TAKES[part.motion], frames, recordings.fps)
        person = make_person(body, part.seed)
        state = placed(body, person, motion)
        turn = Rotation.from_euler("y", part.facing_deg, degrees=True).as_matrix()
        right, near = np.array([part.place(t / max(frames - 1, 1)) for t in range(frames)]).T
        places = torch.tensor(np.stack([right, np.zeros(frames), near], -1), dtype=torch.float32)
        seen = seen_from(body, state, view @ torch.tensor(turn, dtype=torch.float32))
        seen = replace(seen, transl=seen.transl + (places - eye) @ view.T)
        points = pose_points(body, seen, body.keypoint_points)
        return cls(person, Paint(body, person, part.seed), seen, pose_body(body, seen), points)


def actors(body: Body, name: str, frames: int, size: int, recordings: Recordings) -> tuple[list[Actor], Camera]:
    """Return everybody of a scene, and the camera. ``size``: height of the picture"""
    scene, width = SCENES[name], 2 * round(ASPECT * size / 2)
    camera = Camera(FOCAL * size, FOCAL * size, width / 2, size / 2, width, size)
    view = torch.tensor(Rotation.from_euler("x", np.pi + TILT_RAD).as_matrix(), dtype=torch.float32)
    eye = torch.tensor([0.0, CAMERA_M, scene.away_m])
    return [Actor.of(body, part, view, eye, frames, recordings) for part in scene.parts], camera


def write_crowd(
    folder: Path, name: str, frames: int = 60, size: int = 720, recordings: Recordings | None = None
) -> Path:
    """Write a scene's folder, unless it is there already; return it.

    It holds ``video.mp4``, ``camera.json``, ``keypoints/`` of everybody in mixed order, and for each person
    ``person_1/`` and so on with ``masks/`` of what is seen of them, ``points.npz`` and ``gt.npz``.
    """
    frames = round(frames * SCENES[name].longer)
    recipe = {"format": FORMAT, "scene": name, "frames": frames, "size": size}
    note = folder / "recipe.json"
    if note.exists() and json.loads(note.read_text()) == recipe:
        return folder
    body = load_body(NUM_BETAS)
    people, camera = actors(body, name, frames, size, recordings or Recordings())
    for part in ("keypoints", *(f"person_{k}/masks" for k in range(1, len(people) + 1))):
        (folder / part).mkdir(parents=True, exist_ok=True)
    view = Rotation.from_euler("x", np.pi + TILT_RAD).as_matrix()
    up, row = torch.tensor(view[:, 1], dtype=torch.float32), _floor_row(SCENES[name].away_m)
    floor = float(up @ torch.tensor(view @ [0.0, -CAMERA_M, 0.0], dtype=torch.float32))
    room, rng = background(4, camera, row), np.random.default_rng(7)
    with video_file(folder / "video.mp4", FPS) as append:
        for t in range(frames):
            lit = room.copy()
            for actor in people:
                lit *= shadow(body, actor.posed.vertices[t], up, floor, camera, row)
            picture, masks, depth = painted(body, people, t, camera, lit)
            append(picture)
            for k, mask in enumerate(masks, 1):
                cv2.imwrite(str(folder / f"person_{k}" / "masks" / f"{t:06d}.png"), mask.astype(np.uint8) * 255)
            found = [
                _given(a.points[t], a.posed.vertices[t], m, depth, camera, rng)
                for a, m in zip(people, masks, strict=True)
            ]
            seen = [{"pose_keypoints_2d": each} for each in found if each]
            mixed = [seen[k] for k in np.random.default_rng(t).permutation(len(seen))]
            file = folder / "keypoints" / f"{t:06d}_keypoints.json"
            file.write_text(json.dumps({"version": 1.3, "people": mixed}))
    values = {key: getattr(camera, key) for key in ("fx", "fy", "cx", "cy", "width", "height")}
    about = json.dumps({**values, "k": [0] * 5, "fps": FPS, "frames": frames}, indent=1)
    for k, actor in enumerate(people, 1):
        own = folder / f"person_{k}"
        write_truth(own / "gt.npz", body, actor.person, actor.state, actor.points, up)
        np.savez_compressed(own / "points.npz", points=camera.project(actor.points).double().numpy())
        (own / "camera.json").write_text(about)
    (folder / "camera.json").write_text(about)
    note.write_text(json.dumps(recipe))
    return folder


def painted(
    body: Body, people: list[Actor], t: int, camera: Camera, room: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], list[NDArray[np.bool_]], NDArray[np.float32]]:
    """Return a frame, what is seen of each person in it, and depths, infinite where nobody is. 3 × [H, W]"""
    shape = room.shape[:2]
    nearest, owner = np.full(shape, np.inf, np.float32), np.full(shape, -1)
    picture = (room * 255).round().astype(np.uint8)
    for k, actor in enumerate(people):
        image, mask, depth = render(body, actor.posed.vertices[t], camera, actor.paint, room)
        front = mask & (depth.numpy() < nearest)
        nearest[front], owner[front] = depth.numpy()[front], k
        soft = cv2.GaussianBlur(front.astype(np.float32), (0, 0), 0.7)[..., None]
        picture = (picture + soft * (image.astype(np.float32) - picture)).round().astype(np.uint8)
    return picture, [owner == k for k in range(len(people))], nearest


def _floor_row(away_m: float) -> float:
    """Return where the floor meets the wall, of the picture's height."""
    down = np.arctan2(CAMERA_M, away_m + FARTHEST_M) - TILT_RAD
    return 0.5 + FOCAL * float(np.tan(down))


def _given(
    points: Tensor,
    vertices: Tensor,
    mask: NDArray[np.bool_],
    depth: NDArray[np.float32],
    camera: Camera,
    rng: np.random.Generator,
) -> list[float]:
    """Return somebody's keypoints as OpenPose gives them; empty where hardly anything of them is seen.

    What is behind somebody else, or outside the picture, is unseen; what the own body hides is less certain.
    """
    pixels = camera.project(points).numpy()
    noisy = pixels + KEYPOINT_NOISE_PX * rng.normal(size=pixels.shape)
    column, row = pixels.astype(int).T
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    column, row = column.clip(0, camera.width - 1), row.clip(0, camera.height - 1)
    behind = points[:, 2].numpy() - depth[row, column] > BEHIND_M
    sure = np.where(behind, rng.uniform(0.25, 0.6, len(points)), rng.uniform(0.7, 0.95, len(points)))
    sure[~inside | (behind & ~mask[row, column])] = 0.0
    noisy[sure == 0] = 0.0
    low, high = camera.project(vertices).amin(0), camera.project(vertices).amax(0)
    area = float((high - low).prod()) / 3  # a standing person fills about a third of their box
    if np.count_nonzero(mask) < HIDDEN * area or np.count_nonzero(sure) <= 5:
        return []
    return [float(value) for value in np.column_stack([noisy, sure]).round(3).ravel()]
