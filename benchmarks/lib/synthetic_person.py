"""A clip with known truth: a synthetic person, dressed, who turns around once in front of a camera.

The body is the default one with more shape coefficients than a fit has. Everything follows from the seed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from fit_avatar.body import Body, BodyState, load_body, pose_body, rotation
from fit_avatar.body.poses import a_pose
from fit_avatar.body.skinning import pose_points, shaped
from fit_avatar.capture import Camera
from fit_avatar.io.video import video_file
from lib.dressed_person import Person, make_person
from lib.rendering import FLOOR_ROW, Paint, background, render, shadow

FORMAT = 4
"""Raised whenever the clips come out differently, so that folders of an older recipe are made again."""
NUM_BETAS = 16
KEYPOINT_NOISE_PX = 2.0
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


def write_person(folder: Path, seed: int, frames: int = 120, size: int = 1080) -> Path:
    """Write a clip's folder, unless it is there already; return it."""
    recipe = {"format": FORMAT, "seed": seed, "frames": frames, "size": size}
    note = folder / "recipe.json"
    if note.exists() and json.loads(note.read_text())["recipe"] == recipe:
        return folder
    body = load_body(NUM_BETAS)
    person = make_person(body, seed)
    state = make_motion(body, person, seed, frames)
    focal = 1.39 * size
    camera = Camera(focal, focal, size / 2, size / 2, size, size)
    write_clip(folder, body, person, state, camera, upwards(state), seed, round(frames / TURN_S))
    note.write_text(json.dumps({"recipe": recipe, "about": person.about}, indent=1))
    return folder


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
    posed = pose_body(body, state)
    rng = np.random.default_rng([13, seed])
    points = pose_points(body, state, body.keypoint_points)
    paint, scene = Paint(body, person, seed), background(seed, camera, floor_row)
    floor = float((posed.vertices @ up).amin())
    with video_file(folder / "video.mp4", fps) as append:
        for t, vertices in enumerate(posed.vertices):
            lit = scene * shadow(body, vertices, up, floor, camera, floor_row)
            image, mask, depth = render(body, vertices, camera, paint, lit)
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
    """Write every tenth frame's surface, and the joints and keypoints of all frames, in camera coordinates."""
    frames = np.arange(0, len(state.transl), 10)
    posed = pose_body(body, state)
    scale = 5e-5
    grid = np.round(posed.vertices[frames].double().numpy() / scale)
    centre = np.round(grid.mean(1)).astype(np.int32)
    naked = shaped(body, person.betas)[body.skin, 1]
    skin = body.skin[body.faces].all(1)
    np.savez_compressed(
        path,
        verts_q=(grid - centre[:, None]).astype(np.int16),
        verts_c=centre,
        verts_scale=scale,
        faces=body.faces[skin].numpy().astype(np.int32),
        frame_index=frames,
        joints_body25=points.numpy(),
        joints_smpl24=posed.joints.numpy(),
        height_naked_m=float(naked.amax() - naked.amin()),
        height_clothed_m=float(np.ptp(shaped(body, person.betas, person.offsets)[body.skin, 1].numpy())),
        world_up_in_camera=up.numpy(),
    )
