"""A clip with known truth: a synthetic person, seen near, whose face moves while the head sways."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body import Body, BodyState, load_body, pose_body, rotation
from fit_avatar.body.default_body import face_shapes
from fit_avatar.capture import Camera
from fit_avatar.io.video import video_file
from lib.dressed_person import make_person, wearing
from lib.rendering import Paint, background, render
from lib.synthetic_person import NUM_BETAS, make_motion

FPS = 30
FloatArray = NDArray[np.float64]
SWAY_RAD = ((0.10, 2.3), (0.26, 3.1), (0.07, 4.1))
"""Pitch, yaw and roll of the head: their size, and how many seconds a sway takes. Chosen by hand."""
BLINKS_S, BLINK_S = 1.9, 0.08
"""Seconds between blinks, and half the time that one takes. Chosen by hand."""
JAWS, SMILES = (0.7, 0.4, 0.9), (0.9, 0.5, 1.0)
"""How far the jaw opens and the mouth smiles in turn. Chosen by hand."""
TURN_S, MOVE_S = 2.6, 0.25
"""Seconds between two openings of the jaw, and half the time that a movement takes. Chosen by hand."""


@dataclass(frozen=True)
class ExpressiveClip:
    """Where a clip is, and what is true of it."""

    video: Path
    body: Body
    state: BodyState
    """Without clothes and without expressions."""
    camera: Camera
    weights: FloatArray
    """Of ARKit's shapes. [T, 52]"""


def make_weights(frames: int) -> FloatArray:
    """Return blinks, an opening jaw and smiles, with rest between them. [T, 52]"""
    names, time = face_shapes().names, np.arange(frames) / FPS
    weights = np.zeros((frames, len(names)))

    def put(name: str, middle: float, half: float, size: float) -> None:
        for own in [name] if name in names else [f"{name}Left", f"{name}Right"]:
            weights[:, names.index(own)] += size * np.exp(-(((time - middle) / half) ** 2))

    for middle in np.arange(0.3, time[-1], BLINKS_S):
        put("eyeBlink", middle, BLINK_S, 1.0)
    for k, middle in enumerate(np.arange(0.9, time[-1], TURN_S)):
        put("jawOpen", middle, MOVE_S, JAWS[k % len(JAWS)])
    for k, middle in enumerate(np.arange(2.0, time[-1], TURN_S)):
        put("mouthSmile", middle, MOVE_S, SMILES[k % len(SMILES)])
    return weights.clip(0, 1)


def swaying(body: Body, state: BodyState, seed: int) -> BodyState:
    """Return a person's poses without the turn: the head faces the camera and sways."""
    frames, rng = len(state.transl), np.random.default_rng([91, seed])
    time = np.arange(frames) / FPS
    waves = [size * np.sin(2 * np.pi * time / period + rng.uniform(0, 6)) for size, period in SWAY_RAD]
    sway = torch.from_numpy(np.stack(waves, -1)).float()
    head = body.joint_names.index("head") - 1
    pose = rotation.exp(state.body_pose)
    pose[:, head] = pose[:, head] @ rotation.exp(0.5 * sway)
    upright = rotation.exp(torch.tensor([np.pi, 0.0, 0.0]))
    return replace(state, global_orient=rotation.log(upright @ rotation.exp(0.5 * sway)), body_pose=rotation.log(pose))


def write_expressive_person(
    folder: Path, seed: int, frames: int = 150, size: int = 1080, zoom: float = 3.5, moves: bool = True
) -> ExpressiveClip:
    """Write a video, and return it with its truth.

    Args:
        folder: of the video.
        seed: of the person.
        frames: how many, 30 a second.
        size: width and height in pixels.
        zoom: 1 shows the whole person, 3.5 head and shoulders.
        moves: the face moves; otherwise it is at rest.
    """
    body, shapes = load_body(NUM_BETAS), face_shapes()
    person = make_person(body, seed)
    motion = make_motion(body, person, seed, 2 * frames)
    poses = {name: getattr(motion, name)[:frames] for name in ("global_orient", "body_pose", "transl")}
    state = swaying(body, replace(motion, **poses), seed)
    camera = _aimed(body, state, size, zoom)
    weights = make_weights(frames) if moves else np.zeros((frames, len(shapes.names)))
    whole, dressed = wearing(body, person)
    paint, scene = Paint(whole, dressed, seed), background(seed, camera)
    offsets = torch.nn.functional.pad(shapes.offsets, (0, 0, 0, len(whole.template) - len(body.template)))
    folder.mkdir(parents=True, exist_ok=True)
    video = folder / "video.mp4"
    with video_file(video, FPS) as append:
        for t in range(frames):
            poses = {name: getattr(state, name)[t : t + 1] for name in ("global_orient", "body_pose", "transl")}
            expression = torch.einsum("e,evc->vc", torch.from_numpy(weights[t]).float(), offsets)
            posed = pose_body(whole, replace(state, offsets=dressed.offsets + expression, **poses))
            append(render(whole, posed.vertices[0], camera, paint, scene)[0])
    return ExpressiveClip(video, body, replace(state, offsets=person.offsets), camera, weights)


def _aimed(body: Body, state: BodyState, size: int, zoom: float) -> Camera:
    """Return the camera of the clips, or one that looks at the head."""
    camera = Camera(1.39 * size, 1.39 * size, size / 2, size / 2, size, size).zoomed(zoom)
    head = pose_body(body, state).joints[:, body.joint_names.index("head")].mean(0)
    row = float(camera.project(head[None])[0, 1])
    return camera if zoom == 1 else replace(camera, cy=camera.cy + 0.45 * size - row)
