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
from fit_avatar.body.hanging_hair import is_hair
from fit_avatar.capture import Camera, read_frames
from fit_avatar.visibility import rasterize
from lib.synthetic_person import person_folder, write_person
from pictures.clip import DEMO, HEIGHT_M, ROOT
from pictures.drawing import BACKGROUND, part_of, shrink

KEPT = ROOT / "out" / "gallery"
FRAMES, SIZE = 36, 1080
"""Of the clips that are rendered."""
PEOPLE = {
    "demo": None,
    "skirt": (2, "skirt+ponytail"),
    "dress": (5, "dress+boots"),
    "hat": (4, "hat+coat"),
}
"""Seed and clothes of ``benchmarks/people.py``; None: the bundled clip."""
QUARTERS_DEG = (0.0, 90.0, 180.0, 270.0)
FACE_PX, ROOM = 240, 1.25
"""Side of a picture of a face, and what it shows in heights of the head. Chosen by hand."""


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

    def drawn(self, t: int) -> np.ndarray:
        """Return the avatar as the clip's camera would see it in a fitted frame. BGR"""
        return textured(self.avatar, t, self.avatar.capture.camera)

    def face(self, t: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the face in a fitted frame, and the avatar's as the same camera would see it. BGR"""
        camera, body = self.avatar.capture.camera, self.avatar.body
        head = part_of(body, ("head",)) & body.skin & ~torch.from_numpy(is_hair(body))
        seen = camera.project(self.avatar.posed().vertices[t][head])
        side = float(np.ptp(seen[:, 1].numpy())) * ROOM
        left, top = ((seen.amax(0) + seen.amin(0)) / 2 - side / 2).tolist()
        zoom = FACE_PX / side
        close = Camera(camera.fx * zoom, camera.fy * zoom, (camera.cx - left) * zoom, (camera.cy - top) * zoom,
                       FACE_PX, FACE_PX)  # fmt: skip
        to_close = np.array([[zoom, 0, -left * zoom], [0, zoom, -top * zoom]])
        filmed = cv2.warpAffine(self.frame(t), to_close, (FACE_PX, FACE_PX), flags=cv2.INTER_CUBIC)
        return filmed, textured(self.avatar, t, close)


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
    return shrink(np.concatenate([column[:, width // 7 : -width // 7] for column in columns], 1), 1000)


def faces() -> np.ndarray:
    """Show every face as it was filmed, and below it the avatar's from the same direction."""
    people = [made(name) for name in PEOPLE]
    columns = [np.concatenate(person.face(person.facing(0.0))) for person in people]
    return np.concatenate(columns, 1)
