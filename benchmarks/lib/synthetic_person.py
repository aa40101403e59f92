"""A clip with known truth: a synthetic person, dressed, who turns around once in front of a camera.

The body is the default one with more shape coefficients than a fit has. Everything follows from the seed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body import Body, BodyState, load_body, pose_body, rotation
from fit_avatar.body.poses import a_pose
from fit_avatar.body.skinning import local_rotations, pose_points, pose_skeleton, shaped
from fit_avatar.capture import Camera
from fit_avatar.io.video import video_file
from lib.dressed_person import LABELS, Person, make_person, wearing
from lib.rendering import FLOOR_ROW, Paint, background, render, shadow
from lib.stepping import stepping

FORMAT = 6
"""Raised whenever the clips come out differently, so that folders of an older recipe are made again."""
NUM_BETAS = 16
KEYPOINT_NOISE_PX = 2.0
SCALE_M = 5e-5
"""Steps in which true surfaces are kept."""
TURN_S = 4.0
"""One turn takes so long, whatever the number of frames."""


def make_motion(body: Body, person: Person, seed: int, frames: int) -> BodyState:
    """Return one turn in a loose A-pose, with sway: everything moves a little, and the turn is uneven."""
    rng = np.random.default_rng([11, seed])
    time = torch.arange(frames) / frames

    def waves(*shape: int, sizes: tuple[float, ...] = (1.0, 0.6, 0.35, 0.2)) -> Tensor:
        """Return smooth random curves of about unit size. [T, *shape]"""
        total = torch.zeros(frames, *shape)
        for k, size in enumerate(sizes, 1):
            a, b = (torch.tensor(rng.normal(size=shape), dtype=torch.float32) for _ in range(2))
            phase = (2 * np.pi * k * time).view(-1, *(1 for _ in shape))
            total = total + size * (a * phase.sin() + b * phase.cos())
        return total / 1.25

    names = body.joint_names[1:]
    sway = torch.tensor([0.008 if n in ("left_knee", "right_knee", "left_hip", "right_hip") else 0.02 for n in names])
    sway[[names.index(n) for n in ("left_shoulder", "right_shoulder", "left_elbow", "right_elbow")]] = 0.04
    stance = torch.tensor(rng.normal(size=(len(names), 3)) * 0.04, dtype=torch.float32)
    stance[names.index("left_elbow"), 1] -= 0.15 * rng.random()
    stance[names.index("right_elbow"), 1] += 0.15 * rng.random()
    pose = a_pose(body) @ rotation.exp(stance) @ rotation.exp(sway[:, None] * waves(len(names), 3))
    pace = waves(sizes=(0.06, 0.04, 0.02))
    angle = 2 * np.pi * time * (1 if rng.random() < 0.5 else -1) + pace - pace[0] + rng.uniform(-0.3, 0.3)
    zero = torch.zeros(frames)
    upright = rotation.exp(torch.tensor([np.pi, 0.0, 0.0]))
    lean = rotation.exp(0.015 * waves(3))
    turn = upright @ rotation.exp(torch.stack([zero, angle, zero], -1)) @ lean
    shift = torch.tensor([0.02, 0.004, 0.02]) * waves(3)
    tilt = torch.tensor(rng.uniform(0.0, 0.08))
    camera = rotation.exp(torch.stack([tilt, torch.tensor(0.0), torch.tensor(0.0)]).float())
    tall = shaped(body, person.betas)[body.skin, 1]
    away = float(tall.amax() - tall.amin()) * rng.uniform(1.75, 1.95)  # the person fills about three quarters
    middle = torch.tensor([0.0, 0.0, away])
    state = BodyState(
        person.betas,
        person.offsets,
        rotation.log(camera @ turn),
        rotation.log(pose),
        (shift @ camera.T + middle),
    )
    extent = pose_body(body, state).vertices
    centre = (extent.amax((0, 1)) + extent.amin((0, 1)))[1] / 2
    return replace(state, transl=state.transl - torch.tensor([0.0, 1.0, 0.0]) * centre)


def write_person(
    folder: Path, seed: int, frames: int = 120, size: int = 1080, wear: str = "", steps: bool = False
) -> Path:
    """Write a clip's folder, unless it is there already; return it.

    ``wear`` as in ``lib.outfits``; ``steps``: the feet step around instead of sliding around.
    """
    recipe: dict[str, Any] = {"format": FORMAT, "seed": seed, "frames": frames, "size": size, "wear": wear}
    if steps:
        recipe["steps"] = True
    note = folder / "recipe.json"
    if note.exists() and json.loads(note.read_text())["recipe"] == recipe:
        return folder
    body, person, state = recorded_motion(recipe)
    focal = 1.39 * size
    camera = Camera(focal, focal, size / 2, size / 2, size, size)
    write_clip(folder, body, person, state, camera, upwards(state), seed, round(frames / TURN_S))
    note.write_text(json.dumps({"recipe": recipe, "about": person.about}, indent=1))
    return folder


def recorded_motion(recipe: Mapping[str, Any]) -> tuple[Body, Person, BodyState]:
    """Return who is in a clip, and how they move in it, by the recipe that is kept beside it."""
    body = load_body(NUM_BETAS)
    person = make_person(body, recipe["seed"], recipe["wear"])
    state = make_motion(body, person, recipe["seed"], recipe["frames"])
    if recipe.get("steps"):
        state = stepping(body, state, upwards(state)).state
    return body, person, state


def person_folder(out: Path, seed: int, wear: str = "", steps: bool = False) -> Path:
    """Return the folder of a person's clip."""
    return out / "-".join(filter(None, (f"person{seed:02d}", wear, "steps" if steps else "")))


def write_clip(
    folder: Path,
    body: Body,
    person: Person,
    state: BodyState,
    camera: Camera,
    up: Tensor,
    seed: int,
    fps: int,
    floor_row: float = FLOOR_ROW,
) -> None:
    """Write what a person's motion looks like, and the truth.

    Args:
        folder: of the clip.
        body: the body.
        person: who moves.
        state: the motion in camera coordinates, T frames.
        camera: the camera.
        up: away from the floor, in camera coordinates. [3]
        seed: of colours, room and noise.
        fps: frames a second.
        floor_row: where the floor meets the wall, of the picture's height.
    """
    for name in ("masks", "keypoints"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([13, seed])
    points = pose_points(body, state, body.keypoint_points)
    whole, dressed = wearing(body, person)
    posed = pose_body(whole, replace(state, offsets=dressed.offsets))
    paint, scene = Paint(whole, dressed, seed), background(seed, camera, floor_row)
    floor = float((posed.vertices @ up).amin())
    with video_file(folder / "video.mp4", fps) as append:
        for t, vertices in enumerate(posed.vertices):
            lit = scene * shadow(whole, vertices, up, floor, camera, floor_row)
            image, mask, depth = render(whole, vertices, camera, paint, lit)
            append(image)
            cv2.imwrite(str(folder / "masks" / f"{t:06d}.png"), mask.astype(np.uint8) * 255)
            _write_keypoints(folder / "keypoints" / f"{t:06d}_keypoints.json", points[t], depth, camera, rng)
    values = {name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy", "width", "height")}
    about = {**values, "k": [0] * 5, "fps": fps, "frames": len(points)}
    (folder / "camera.json").write_text(json.dumps(about, indent=1))
    write_truth(folder / "gt.npz", body, person, state, points, up)


def _write_keypoints(path: Path, points: Tensor, depth: Tensor, camera: Camera, rng: np.random.Generator) -> None:
    """Write one frame's points as OpenPose does: true places with noise; what the body hides is less certain."""
    pixels = camera.project(points)
    column, row = (pixels[:, k].long().clamp(0, depth.shape[1 - k] - 1) for k in range(2))
    hidden = (points[:, 2] - depth[row, column] > 0.15).numpy()
    noisy = pixels.numpy() + KEYPOINT_NOISE_PX * rng.normal(size=(len(points), 2))
    sure = np.where(hidden, rng.uniform(0.25, 0.6, len(points)), rng.uniform(0.7, 0.95, len(points)))
    flat = np.column_stack([noisy, sure]).round(3).ravel().tolist()
    path.write_text(json.dumps({"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": flat}]}))


def upwards(state: BodyState) -> Tensor:
    """Return the direction away from the floor, in camera coordinates: over a turn the sway's leaning averages out."""
    return torch.nn.functional.normalize(rotation.exp(state.global_orient)[:, :, 1].mean(0), dim=0)


def write_truth(path: Path, body: Body, person: Person, state: BodyState, points: Tensor, up: Tensor) -> None:
    """Write every tenth frame's surface, and the joints and keypoints of all frames, in camera coordinates.

    Beside what is worn, the same frames' naked skin is kept, and how the head is turned in all frames.
    """
    frames = np.arange(0, len(state.transl), 10)
    whole, dressed = wearing(body, person)
    clothed = pose_body(whole, replace(state, offsets=dressed.offsets)).vertices[frames]
    naked = pose_body(body, replace(state, offsets=torch.zeros_like(person.offsets)))
    rest = shaped(body, person.betas)[body.skin, 1]
    skin, bare = (some.skin[some.faces].all(1) for some in (whole, body))
    grid, centre = _whole_numbers(clothed)
    naked_grid, naked_centre = _whole_numbers(naked.vertices[frames])
    np.savez_compressed(
        path,
        verts_q=grid,
        verts_c=centre,
        verts_scale=SCALE_M,
        faces=whole.faces[skin].numpy().astype(np.int32),
        face_part=dressed.labels[whole.faces[skin]].sum(1).argmax(-1).numpy().astype(np.uint8),
        part_names=np.array(LABELS),
        naked_q=naked_grid,
        naked_c=naked_centre,
        naked_faces=body.faces[bare].numpy().astype(np.int32),
        frame_index=frames,
        joints_body25=points.numpy(),
        joints_smpl24=naked.joints.numpy(),
        head_rotation=head_rotations(body, state).numpy(),
        height_naked_m=float(rest.amax() - rest.amin()),
        height_clothed_m=float(np.ptp(shaped(whole, person.betas, dressed.offsets)[whole.skin, 1].numpy())),
        world_up_in_camera=up.numpy(),
    )


def head_rotations(body: Body, state: BodyState) -> Tensor:
    """Return how the head is turned: from the bind pose, in which it faces +z, to camera coordinates. [T, 3, 3]"""
    skeleton = pose_skeleton(body, state.betas, local_rotations(state), state.transl)
    return skeleton.skin_rotations[:, body.joint_names.index("head")]


def _whole_numbers(vertices: Tensor) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
    """Return vertices in steps of :data:`SCALE_M` from a centre of each frame, and these centres."""
    grid = np.round(vertices.double().numpy() / SCALE_M)
    centre = np.round(grid.mean(1)).astype(np.int32)
    return (grid - centre[:, None]).astype(np.int16), centre
