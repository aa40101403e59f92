"""A clip with known truth: a synthetic person who is dressed, and moves as a recording or a curve says."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation
from torch import Tensor

from fit_avatar.body import Body, BodyState, load_body, pose_body, rotation
from fit_avatar.body.keypoint_sets import BODY_25_FEET
from fit_avatar.body.poses import a_pose
from fit_avatar.body.skinning import pose_points
from fit_avatar.capture import Camera
from lib.dressed_person import Person, make_person
from lib.motions import FPS, HumanMotion
from lib.recordings import JOINTS
from lib.rendering import FLOOR_ROW
from lib.synthetic_person import NUM_BETAS, write_clip

FORMAT = 2
"""Raised whenever the clips come out differently, so that folders of an older recipe are made again."""
FOCAL = 1.39
"""Of the picture's height: a phone's that is held upright, as for the people who turn."""
ASPECT = 16 / 9
MARGIN = 0.04
"""Of the picture's height and width, which the person never enters."""
TALL = 0.78
"""The person fills no more than this of the picture's height."""
TILT_RAD = 0.08
"""The camera looks down by so much."""
BEHIND = 0.05
"""The wall is so much of the picture's height above the farthest step."""
TOUCH_M, STILL_M_S = 0.03, 0.6
"""A point of a foot stands where it is about so near to the floor and so slow; retargeted feet slide a little."""


def placed(body: Body, person: Person, motion: HumanMotion) -> BodyState:
    """Return the poses in world coordinates, with the floor at y = 0 and feet that stand where they stand."""
    frames = len(motion.poses)
    pose = rotation.log(a_pose(body)).repeat(frames, 1, 1)  # hands stay as they are at rest
    pose[:, : len(JOINTS)] = torch.tensor(motion.poses, dtype=torch.float32)
    root = torch.tensor(motion.root.as_rotvec(), dtype=torch.float32)
    state = BodyState(person.betas, person.offsets, root, pose, torch.zeros(frames, 3))
    joints = pose_body(body, state).joints
    leg = sum(float((joints[0, a] - joints[0, b]).norm()) for a, b in ((1, 4), (4, 7)))
    places = leg * (motion.places - motion.places[0])
    points = pose_points(body, state, body.keypoint_points)[:, list(BODY_25_FEET)].double().numpy() + places[:, None]
    lowest = pose_body(body, state).vertices[..., 1].amin(1).double().numpy() + places[:, 1]
    if motion.planted is None:
        stands = standing(points, np.percentile(lowest, 20))
    else:
        stands = np.repeat(motion.planted, 3, axis=1) ** 8  # a foot that is being lifted slides
    places[:, [0, 2]] += held(points[..., [0, 2]], stands)
    places[:, 1] -= floor_under(lowest, stands.max(1))
    return replace(state, transl=torch.tensor(places, dtype=torch.float32))


def standing(points: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Return how firmly points of the feet stand, from their height and their speed. [T, P, 3] → [T, P] 0 to 1"""
    speed = FPS * np.linalg.norm(np.gradient(points, axis=0), axis=-1)
    near = np.exp(-(((points[..., 1] - floor - TOUCH_M) / TOUCH_M).clip(0) ** 2))
    return np.asarray(near * np.exp(-((speed / STILL_M_S) ** 2)))


def held(points: NDArray[np.float64], stands: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how the body must be shifted so that what stands does not slide. [T, P, 2], [T, P] → [T, 2]"""
    step = np.diff(points, axis=0)
    firm = (stands[1:] * stands[:-1])[..., None]
    slide = (firm * step).sum(1) / (firm.sum(1) + 0.05)
    return np.concatenate([np.zeros((1, 2)), -np.cumsum(slide, axis=0)])


def floor_under(lowest: NDArray[np.float64], firm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the height of the floor below the body: its lowest point where it stands, smoothly between. [T]"""
    (stands,) = np.nonzero(firm > 0.3)
    if not len(stands):
        return np.full(len(lowest), lowest.min())
    between = np.interp(np.arange(len(lowest)), stands, lowest[stands])
    return np.asarray(gaussian_filter1d(between, 1.5, mode="nearest"))


def seen_from(body: Body, state: BodyState, matrix: Tensor) -> BodyState:
    """Return the same motion in axes that are turned about the origin. [3, 3]"""
    orient = rotation.log(matrix @ rotation.exp(state.global_orient))
    # The translation is of the pelvis, about which the body turns.
    pelvis = pose_body(body, replace(state, transl=torch.zeros_like(state.transl))).joints[:, 0]
    return replace(state, global_orient=orient, transl=(state.transl + pelvis) @ matrix.T - pelvis)


@dataclass(frozen=True)
class Filmed:
    """A motion in front of a camera."""

    state: BodyState
    camera: Camera
    up: Tensor  # [3]
    floor_row: float
    """Where the floor meets the wall, of the picture's height: behind all the person's steps."""


def filmed(body: Body, state: BodyState, facing_deg: float, size: int) -> Filmed:
    """Return the motion turned about the vertical, as near as its extent lets it be filmed whole.

    ``size``: height of the picture.
    """
    width = 2 * round(ASPECT * size / 2)
    camera = Camera(FOCAL * size, FOCAL * size, width / 2, size / 2, width, size)
    turn = Rotation.from_euler("y", facing_deg, degrees=True)
    view = Rotation.from_euler("x", np.pi + TILT_RAD) * turn
    matrix = torch.tensor(view.as_matrix(), dtype=torch.float32)
    seen = seen_from(body, state, matrix)
    vertices = pose_body(body, seen).vertices
    middle = (vertices.amax((0, 1)) + vertices.amin((0, 1))) / 2
    tall = float((vertices[..., 1].amax(1) - vertices[..., 1].amin(1)).amax())
    near = FOCAL * tall / TALL
    inside = torch.tensor([0.5 * width, 0.5 * size]) * (1 - 2 * MARGIN)
    for away in np.arange(near, 4 * near, 0.02):
        moved = vertices - middle + torch.tensor([0.0, 0.0, away])
        reach = (FOCAL * size * moved[..., :2] / moved[..., 2:]).abs().amax((0, 1))
        if bool((reach < inside).all()):
            break
    shift = torch.tensor([0.0, 0.0, float(away)]) - middle
    up, below = matrix[:, 1], vertices.mean(1) + shift
    below = below - ((below @ up) - ((vertices + shift) @ up).amin())[:, None] * up
    row = float(camera.project(below)[:, 1].amin()) / size - BEHIND
    return Filmed(replace(seen, transl=seen.transl + shift), camera, up, min(FLOOR_ROW, row))


def write_moved_person(
    folder: Path, seed: int, motion: HumanMotion, facing_deg: float, name: str, size: int = 720
) -> Path:
    """Write a clip's folder, unless it is there already; return it."""
    recipe = {"format": FORMAT, "motion": name, "seed": seed, "frames": len(motion.poses), "size": size}
    note = folder / "recipe.json"
    if note.exists() and json.loads(note.read_text())["recipe"] == recipe:
        return folder
    body = load_body(NUM_BETAS)
    person = make_person(body, seed)
    film = filmed(body, placed(body, person, motion), facing_deg, size)
    write_clip(folder, body, person, film.state, film.camera, film.up, seed, FPS, film.floor_row)
    note.write_text(json.dumps({"recipe": recipe, "about": f"{name}: {person.about}"}, indent=1))
    return folder
