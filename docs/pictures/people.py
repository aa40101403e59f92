"""People who were rendered for this project, and the avatars that the command makes of their clips."""

import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch

from fit_avatar import Avatar
from fit_avatar.body import rotation
from fit_avatar.capture import Camera, read_frames
from fit_avatar.visibility import rasterize
from lib.synthetic_person import person_folder, write_person
from pictures.clip import DEMO, HEIGHT_M, ROOT
from pictures.drawing import BACKGROUND, shrink

KEPT = ROOT / "out" / "gallery"
FRAMES, SIZE = 60, 1080
"""Of the clips that are rendered."""
PEOPLE = {
    "demo": None,
    "plain": (0, ""),
    "long_hair": (4, "long_hair"),
    "skirt": (2, "skirt+ponytail"),
    "dress": (5, "dress+boots"),
    "coat": (3, "coat+hat"),
    "barefoot": (6, "barefoot"),
}
"""Seed and clothes of ``benchmarks/people.py``; None: the bundled clip."""
QUARTERS_DEG = (0.0, 90.0, 180.0, 270.0)
HEAD = 1.35
"""The picture of a face is so many times as wide as the head is tall. Chosen by hand."""


@dataclass(frozen=True)
class Made:
    """A clip and its avatar."""

    video: Path
    avatar: Avatar

    def facing(self, degrees: float) -> int:
        """Return the fitted frame in which the person has turned by so much from the camera, to their left or right."""
        front = rotation.exp(self.avatar.state.global_orient)[:, :, 2]
        yaw = torch.rad2deg(torch.atan2(front[:, 0], -front[:, 2]))
        return int(((yaw - degrees + 180) % 360 - 180).abs().argmin())

    def frame(self, t: int) -> np.ndarray:
        """Return a fitted frame as it was filmed. BGR"""
        return next(picture for _, picture in read_frames(self.video, [int(self.avatar.capture.frame_indices[t])]))

    def drawn(self, t: int, shift: tuple[float, float] = (0.0, 0.0), zoom: float = 1.0, side: int = 0) -> np.ndarray:
        """Return the avatar as the camera of the clip would see it in a fitted frame. BGR

        Args:
            t: the frame.
            shift: left and top of the part that is drawn, in pixels of the frame.
            zoom: size of the picture to that of the frame.
            side: of the picture in pixels; 0 draws all of it.
        """
        old = self.avatar.capture.camera
        (left, top), width, height = shift, side or round(old.width * zoom), side or round(old.height * zoom)
        camera = Camera(old.fx * zoom, old.fy * zoom, (old.cx - left) * zoom, (old.cy - top) * zoom, width, height)
        return textured(self.avatar, t, camera)


def textured(avatar: Avatar, t: int, camera: Camera, finer: int = 2) -> np.ndarray:
    """Return the avatar in a fitted pose before a camera. BGR"""
    fine = Camera(*(finer * value for value in (camera.fx, camera.fy, camera.cx, camera.cy)),
                  finer * camera.width, finer * camera.height)  # fmt: skip
    vertices, body = avatar.posed().vertices[t], avatar.body
    seen = rasterize(vertices, body.faces, fine, cull_backfaces=True)
    uv = seen.interpolate(body.uvs, body.uv_faces).numpy()
    texels = (np.stack([uv[..., 0], 1 - uv[..., 1]], -1) * len(avatar.image) - 0.5).astype(np.float32)
    colours = cv2.remap(avatar.image, texels, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    picture = np.where(seen.mask.numpy()[..., None], colours[..., ::-1], BACKGROUND).astype(np.uint8)
    return cv2.resize(picture, (camera.width, camera.height), interpolation=cv2.INTER_AREA)


@cache
def made(name: str) -> Made:
    """Render a person and let the command make an avatar of the video and the height, unless both are there."""
    video, height_m = DEMO, HEIGHT_M
    if PEOPLE[name] is not None:
        seed, wear = PEOPLE[name]
        clip = write_person(person_folder(KEPT / "clips", seed, wear), seed, FRAMES, SIZE, wear)
        video = clip / "video.mp4"
        with np.load(clip / "gt.npz") as truth:
            height_m = float(truth["height_naked_m"])
    out = KEPT / name
    command = [sys.executable, "-m", "fit_avatar", "--video", str(video), "--height-m", f"{height_m:.3f}"]
    subprocess.run([*command, "--out", str(out), "--log", "quiet"], check=True, cwd=ROOT)
    return Made(video, Avatar.load(out))


def four_sides(name: str) -> np.ndarray:
    """Show frames a quarter of a turn apart, and below them the avatar in the same pose."""
    person = made(name)
    columns = []
    for degrees in QUARTERS_DEG:
        t = person.facing(degrees)
        columns.append(np.concatenate([person.frame(t), person.drawn(t)]))
    width = columns[0].shape[1]
    return shrink(np.concatenate([column[:, width // 5 : -width // 5] for column in columns], 1), 1000)
