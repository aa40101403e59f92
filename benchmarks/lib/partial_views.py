"""Clips that show a person only in part, made from clips with known truth: cropped, sunk, gone for a while, hidden."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.avatar import Avatar
from fit_avatar.body import pose_body
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture import Camera, read_frames
from fit_avatar.evaluate import pa_mpjpe
from fit_avatar.io.video import video_file
from lib.rendering import background
from lib.true_clip import TrueClip, read_clip

FORMAT = 1
"""Raised whenever the clips come out differently, so that folders of an older recipe are made again."""
HALF = 0.55
"""So much of the picture, from its top, shows a person from the hips up."""
SUNK = 0.22
"""So far, in heights of the picture, feet sink out of it in the middle third of a clip."""
OUT = 0.75
"""So far, in widths of the picture, is a person from its middle who is out of it."""
BAR = (0.25, 0.85)
"""A bar hides legs from here to there, on the way from the hips to the lowest foot."""
BAR_SHADE = 25
FEWEST = 6
"""Frames with fewer joints in sight are not compared."""
FloatArray = NDArray[np.float64]
Bar = tuple[int, int]
"""Its first row, and the first one below it."""
Move = Callable[[float], tuple[float, float]]
"""Time, 0 to 1 → how far the person is moved right and down, in widths and heights of the picture."""


@dataclass(frozen=True)
class View:
    """A way to show a person in part."""

    rows: float = 1.0
    """The part of the picture, from its top, that is kept."""
    move: Move | None = None
    """A person who is turned about the camera's centre by as much: joints and pictures change exactly alike."""
    bar: bool = False
    """Whether a dark bar in front of the scene hides most of the legs."""


def _sinks(time: float) -> tuple[float, float]:
    return 0.0, float(np.interp(time, (0.25, 0.35, 0.65, 0.75), (0, SUNK, SUNK, 0)))


def _goes(time: float) -> tuple[float, float]:
    """Leave at the right by 45 % of the time, and come in at the left from 60 %."""
    return float(np.interp(time, (0.15, 0.45, 0.4501, 0.6, 0.9), (0, OUT, -OUT, -OUT, 0))), 0.0


VIEWS = {"half": View(rows=HALF), "feet": View(move=_sinks), "leaves": View(move=_goes), "bar": View(bar=True)}
"""Only the upper half is in the picture; feet are out of it for a while; the person leaves and returns; legs are
hidden."""


def write_view(folder: Path, name: str, original: Path) -> Path:
    """Write a view of a clip as the folder of a clip, unless it is there already; return it.

    ``view.npz`` holds ``seen``: which of the 24 joints are in the picture and not behind a bar. [T, 24]
    """
    recipe = {"format": FORMAT, "view": name, "clip": original.name}
    note = folder / "recipe.json"
    if note.exists() and json.loads(note.read_text()) == recipe:
        return folder
    clip, view = read_clip(original), VIEWS[name]
    camera, count = clip.camera, len(clip.joints)
    turns = [_turn(view, camera, t / max(count - 1, 1)) for t in range(count)]
    shown = replace(camera, height=round(view.rows * camera.height))
    bar = _bar(clip) if view.bar else None
    scene = (background(3, camera) * 255).astype(np.uint8)
    for sub in ("masks", "keypoints"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    with video_file(folder / "video.mp4", clip.fps) as append:
        for t, picture in read_frames(original / "video.mp4", range(count)):
            mask = cv2.imread(str(original / "masks" / f"{t:06d}.png"), cv2.IMREAD_GRAYSCALE)
            assert mask is not None
            if view.move is not None:
                picture, mask = _moved(picture, mask, turns[t], camera, scene)
            if bar is not None:
                picture[bar[0] : bar[1]], mask[bar[0] : bar[1]] = BAR_SHADE, 0
            append(np.ascontiguousarray(picture[: shown.height]))
            cv2.imwrite(str(folder / "masks" / f"{t:06d}.png"), mask[: shown.height])
            _write_points(folder, original, t, turns[t], camera, shown, bar)
    _write_truth(folder, original, np.stack(turns), shown, bar)
    values = {name: value for name, value in asdict(shown).items() if name in ("fx", "fy", "cx", "cy", "k")}
    values |= {"width": shown.width, "height": shown.height, "fps": clip.fps, "frames": count}
    (folder / "camera.json").write_text(json.dumps(values))
    note.write_text(json.dumps(recipe))
    return folder


def in_sight(points: FloatArray, camera: Camera, bar: Bar | None) -> NDArray[np.bool_]:
    """Return which points in the camera's axes are in the picture and not behind a bar. [..., 3] → [...]"""
    u, v = np.moveaxis(camera.project(points), -1, 0)
    seen = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height) & (points[..., 2] > 0)
    return np.asarray(seen if bar is None else seen & ~((v >= bar[0]) & (v < bar[1])))


def _turn(view: View, camera: Camera, time: float) -> FloatArray:
    """Return the rotation about the camera's centre that moves the picture's middle as the view says. [3, 3]"""
    right, down = (0.0, 0.0) if view.move is None else view.move(time)
    across, along = np.arctan(right * camera.width / camera.fx), np.arctan(down * camera.height / camera.fy)
    return np.asarray(Rotation.from_euler("yx", [across, -along]).as_matrix())


def _moved(
    picture: NDArray[np.uint8], mask: NDArray[np.uint8], turn: FloatArray, camera: Camera, scene: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the picture of the person, turned about the camera's centre, before a scene, and their mask."""
    size = camera.width, camera.height
    matrix = camera.intrinsics @ turn @ np.linalg.inv(camera.intrinsics)
    warped, own = (cv2.warpPerspective(each, matrix, size) for each in (picture, mask))
    alpha = cv2.GaussianBlur(own, (0, 0), 0.7)[..., None] / np.float32(255)
    return (scene + alpha * (warped - scene.astype(np.float32))).clip(0, 255).astype(np.uint8), np.asarray(own)


def _bar(clip: TrueClip) -> Bar:
    """Return the rows of a bar that hides most of the legs throughout."""
    rows = clip.camera.project(clip.keypoints)[..., 1]
    hips = float(rows[:, BODY_25.index("mid_hip")].max())
    foot = float(rows[:, [BODY_25.index(f"{side}_heel") for side in ("left", "right")]].max())
    first, last = (round(hips + part * (foot - hips)) for part in BAR)
    return first, last


def _write_points(
    folder: Path, original: Path, t: int, turn: FloatArray, camera: Camera, shown: Camera, bar: Bar | None
) -> None:
    """Write the clip's noisy keypoints at their new places; those that are not in sight are unseen."""
    name = f"{t:06d}_keypoints.json"
    found: Any = json.loads((original / "keypoints" / name).read_text())["people"][0]["pose_keypoints_2d"]
    points = np.array(found, np.float64).reshape(25, 3)
    rays = np.column_stack([points[:, :2], np.ones(25)]) @ np.linalg.inv(camera.intrinsics).T @ turn.T
    points[:, :2] = camera.project(rays)
    points[~in_sight(rays, shown, bar)] = 0
    people = [{"pose_keypoints_2d": points.ravel().tolist()}] if points.any() else []
    (folder / "keypoints" / name).write_text(json.dumps({"version": 1.3, "people": people}))


def _write_truth(folder: Path, original: Path, turns: FloatArray, shown: Camera, bar: Bar | None) -> None:
    """Write the truth, turned as the person was, and which joints are in sight; surfaces stay where they were."""
    with np.load(original / "gt.npz") as stored:
        truth = dict(stored)
    for name in ("joints_smpl24", "joints_body25"):
        truth[name] = (truth[name] @ turns.transpose(0, 2, 1)).astype(np.float32)
    np.savez_compressed(folder / "gt.npz", **truth)
    np.savez_compressed(folder / "view.npz", seen=in_sight(truth["joints_smpl24"].astype(np.float64), shown, bar))


def compare_sighted(view: Path, original: Path, partial: Avatar, whole: Avatar) -> tuple[float, float]:
    """Return PA-MPJPE of the joints in sight of a view, by its fit and by that of the whole clip, in millimetres.

    Both are taken over the frames that both fits have and in which enough joints are in sight.
    """
    with np.load(view / "view.npz") as stored:
        seen = stored["seen"]
    both = np.intersect1d(partial.capture.frame_indices, whole.capture.frame_indices)
    both = both[seen[both].sum(1) >= FEWEST]
    errors = []
    for avatar, folder in ((partial, view), (whole, original)):
        joints = pose_body(avatar.body, avatar.state).joints.cpu().double().numpy()[:, :24]
        found = joints[np.searchsorted(avatar.capture.frame_indices, both)]
        truth = read_clip(folder).joints[both]
        pairs = zip(found, truth, seen[both], strict=True)
        errors.append(1000 * float(np.mean([pa_mpjpe(x[None, s], y[None, s]) for x, y, s in pairs])))
    return errors[0], errors[1]
