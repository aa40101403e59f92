"""A clip in memory that can be changed and written again: picture, mask, keypoints, camera and frame rate.

Random changes are seeded by the number of the frame, so that every run makes the same ones.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture import Camera, read_frames
from fit_avatar.capture.masks import GivenMasks
from fit_avatar.capture.openpose import load_openpose
from fit_avatar.io.video import video_file
from lib.true_clip import TrueClip

FAST_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]


@dataclass(frozen=True)
class Shot:
    """One frame as a user would have it."""

    image: NDArray[np.uint8]  # [H, W, 3]
    mask: NDArray[np.bool_]  # [H, W]
    true_mask: NDArray[np.bool_]  # [H, W], which disturbances of the mask leave alone
    people: tuple[NDArray[np.float32], ...]  # each [25, 3]


Edit = Callable[[Shot, int, np.random.Generator], Shot]
"""Changes one frame, given its number and chance."""


@dataclass(frozen=True)
class Film:
    """A clip to be written: which original frames it shows, and what is done to each."""

    original: Original
    camera: Camera
    fps: float
    source: NDArray[np.int64]
    """The original frame of each frame. [F]"""
    scored: NDArray[np.bool_]
    """Where frames still show what the truth says. [F]"""
    edits: tuple[Edit, ...] = ()
    changes_picture: bool = False

    def showing(self, source: NDArray[np.int64]) -> Film:
        """Return the film with other frames of the original."""
        return replace(self, source=source, scored=np.ones(len(source), bool), changes_picture=True)

    def edited(self, edit: Edit, picture: bool = False) -> Film:
        """Return the film with something done to each frame."""
        return replace(self, edits=(*self.edits, edit), changes_picture=self.changes_picture or picture)

    def shot(self, t: int) -> Shot:
        """Return a frame."""
        shot = self.original.shot(int(self.source[t]), self.changes_picture)
        for i, edit in enumerate(self.edits):
            shot = edit(shot, t, np.random.default_rng([31, i, t]))
        return shot


class Original:
    """The frames of an undisturbed clip, in memory."""

    def __init__(self, clip: TrueClip) -> None:
        self.clip, camera, count = clip, clip.camera, len(clip.joints)
        self._masks = GivenMasks(clip.folder / "masks", camera.width, camera.height, count).read(list(range(count)))
        self._people = load_openpose(clip.folder / "keypoints")
        self.count = len(self._masks)

    @cached_property
    def _images(self) -> list[NDArray[np.uint8]]:
        frames = read_frames(self.clip.folder / "video.mp4")
        return [cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 96])[1] for _, frame in frames]

    def image(self, index: int) -> NDArray[np.uint8]:
        """Return a picture. [H, W, 3]"""
        return np.asarray(cv2.imdecode(self._images[index], cv2.IMREAD_COLOR), np.uint8)

    def shot(self, index: int, with_image: bool = True) -> Shot:
        """Return a frame as it was."""
        mask = self._masks[index]
        image = self.image(index) if with_image else np.zeros((*mask.shape, 3), np.uint8)
        return Shot(image, mask, mask, tuple(points[:25] for points in self._people[index]))

    @cached_property
    def background(self) -> NDArray[np.uint8]:
        """Return the scene without the person. [H, W, 3]"""
        every = np.stack([self.image(i) for i in range(0, self.count, max(1, self.count // 9))])
        return np.asarray(np.median(every, axis=0), np.uint8)

    @property
    def facing(self) -> NDArray[np.float64]:
        """Return each frame's direction: 0 towards the camera, ±π away from it. [frames]"""
        across = self.clip.joints[: self.count, 16] - self.clip.joints[: self.count, 17]
        return np.asarray(np.arctan2(across[:, 2], across[:, 0]))

    def around(self, middle: float, reach: float) -> NDArray[np.int64]:
        """Return the frames whose direction is within ``reach`` of ``middle``, as one run."""
        near = np.cos(self.facing - middle) > np.cos(reach)
        first = int(np.flatnonzero(near & ~np.roll(near, 1))[0])
        order = (first + np.arange(self.count)) % self.count
        return order[: int(near.sum())]


def write_film(film: Film, folder: Path) -> None:
    """Write what a user would give: video, masks, keypoints and camera."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("masks", "keypoints"):
        (folder / name).mkdir(parents=True)
    if not film.changes_picture:
        (folder / "video.mp4").symlink_to((film.original.clip.folder / "video.mp4").resolve())
    with video_file(folder / "written.mp4", film.fps) as append:
        for t in range(len(film.source)):
            shot = film.shot(t)
            if film.changes_picture:
                append(shot.image)
            cv2.imwrite(str(folder / "masks" / f"{t:06d}.png"), shot.mask.astype(np.uint8) * 255, FAST_PNG)
            people = [{"pose_keypoints_2d": points.round(3).ravel().tolist()} for points in shot.people]
            (folder / "keypoints" / f"{t:06d}_keypoints.json").write_text(json.dumps({"people": people}))
    if film.changes_picture:
        (folder / "written.mp4").rename(folder / "video.mp4")
    camera = {name: getattr(film.camera, name) for name in ("fx", "fy", "cx", "cy", "width", "height")}
    (folder / "camera.json").write_text(json.dumps(camera))
