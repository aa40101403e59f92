"""A tiny clip with known truth: the default body, a little fattened, turning in front of a camera."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from fit_avatar.body import Body, BodyState, pose_body, rotation
from fit_avatar.body.poses import a_pose
from fit_avatar.capture import Camera
from fit_avatar.visibility.raster import rasterize

CAMERA = Camera(420.0, 420.0, 120.0, 160.0, 240, 320)


@dataclass(frozen=True)
class Clip:
    """The files of a clip, and what made them."""

    folder: Path
    state: BodyState
    vertices: torch.Tensor  # [T, V, 3]
    joints: torch.Tensor  # [T, J, 3]
    height_m: float

    @property
    def given(self) -> list[str]:
        """Return the options that hand everything to the program."""
        files = {"--video": "video.mp4", "--keypoints": "keypoints", "--masks": "masks", "--camera": "camera.json"}
        paths = [text for option, name in files.items() for text in (option, str(self.folder / name))]
        return [*paths, "--height-m", f"{self.height_m:.4f}"]


def turning_person(body: Body, frames: int, clothes_m: float = 0.008, first_yaw: float = 0.7) -> Clip:
    """Return the truth of a clip (no files yet): one full turn in an A-pose with a little sway."""
    betas = torch.zeros(body.num_betas)
    betas[:3] = torch.tensor([0.5, -0.6, 0.4])
    offsets = clothes_m * torch.nn.functional.normalize(body.template * torch.tensor([1.0, 0.0, 1.0]), dim=-1)
    offsets = offsets * (1 - body.part("hands") - body.part("face")).clamp(0, 1)[:, None]
    phase = torch.arange(frames) * (2 * math.pi / frames)
    upright = rotation.exp(torch.tensor([math.pi, 0.0, 0.0]))
    turn = rotation.exp(torch.stack([torch.zeros(frames), phase + first_yaw, torch.zeros(frames)], -1))
    pose = rotation.log(a_pose(body)).expand(frames, -1, -1).clone()
    pose[:, 15, 2] += 0.05 * phase.sin()
    pose[:, 2, 0] += 0.03 * (2 * phase).cos()
    transl = torch.stack([0.02 * phase.cos(), torch.full((frames,), 0.05), 2.9 + 0.02 * phase.sin()], -1)
    state = BodyState(betas, offsets, rotation.log(upright @ turn), pose, transl)
    posed = pose_body(body, state)
    shaped = (body.template + body.shape_basis[..., : len(betas)] @ betas)[body.skin]
    return Clip(Path(), state, posed.vertices, posed.joints, float(np.ptp(shaped[:, 1].numpy())))


def write_clip(body: Body, folder: Path, frames: int = 12) -> Clip:
    """Write video, masks, keypoints and camera of :func:`turning_person`."""
    clip = turning_person(body, frames)
    colours = (200 * (body.template - body.template.amin(0)) / 2 + 30).clamp(0, 255)
    for name in ("masks", "keypoints"):
        (folder / name).mkdir(parents=True)
    video = cv2.VideoWriter(
        str(folder / "video.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 12.0, (CAMERA.width, CAMERA.height)
    )
    keypoints = CAMERA.project(body.keypoint_regressor @ clip.vertices)
    for t, vertices in enumerate(clip.vertices):
        raster = rasterize(vertices, body.faces, CAMERA)
        mask = (raster.face_index >= 0).numpy()
        corner = body.faces[raster.face_index.clamp_min(0)]
        shade = (colours[corner] * raster.barycentric[..., None]).sum(-2).numpy()
        image = np.where(mask[..., None], shade, 90).astype(np.uint8)
        video.write(image)
        cv2.imwrite(str(folder / "masks" / f"{t:06d}.png"), mask.astype(np.uint8) * 255)
        points = torch.cat([keypoints[t], torch.ones(25, 1)], -1).flatten().tolist()
        person = {"people": [{"pose_keypoints_2d": points}]}
        (folder / "keypoints" / f"{t:06d}_keypoints.json").write_text(json.dumps(person))
    video.release()
    camera = {name: getattr(CAMERA, name) for name in ("fx", "fy", "cx", "cy", "width", "height")}
    (folder / "camera.json").write_text(json.dumps(camera))
    return Clip(folder, clip.state, clip.vertices, clip.joints, clip.height_m)
