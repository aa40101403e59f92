"""The camera: from a file, from a field of view or focal length, or a stated guess for phones."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.files import read_json
from fit_avatar.capture.snapshot_files import read_snapshot_camera
from fit_avatar.capture.types import Camera
from fit_avatar.errors import BadInputError

FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)
PHONE_FOCAL_MM = 26.0
"""35 mm-equivalent focal length of the main lens of most phones (24–28 mm)."""
PHONE_VIDEO_CROP = 1.15
"""Video uses less of the sensor than photographs: electronic stabilisation cuts 10–20 % off."""
GUESS_SIGMA = 0.35
"""Relative standard deviation of the guess: other lenses, other crops."""
FOCAL_RANGE = (0.3, 20.0)
"""Focal lengths outside these multiples of the longer side are taken for a mistake."""


def load_camera(path: Path, width: int, height: int) -> tuple[Camera, tuple[str, ...]]:
    """Read a camera from JSON: ``{fx, fy, cx, cy, width, height, k}``, in pixels; ``k`` may be missing.

    A ``.pkl`` is read as People-Snapshot's ``camera.pkl``
    (:func:`~fit_avatar.capture.snapshot_files.read_snapshot_camera`).

    Args:
        path: the file.
        width: width of the upright video frame in pixels.
        height: its height.

    Returns:
        The camera at the video's size, and sentences the user should read.

    Raises:
        BadInputError: unreadable file, missing or absurd numbers, or a size that does not fit the video.
    """
    data = read_snapshot_camera(path) if path.suffix.lower() == ".pkl" else _read_json(path)
    fx, fy, cx, cy, w, h = (_number(data, name, path) for name in ("fx", "fy", "cx", "cy", "width", "height"))
    if w < 1 or h < 1 or w != int(w) or h != int(h):
        raise BadInputError(f"{path}: width and height must be whole pixels, not {w:g} × {h:g}")
    for name, focal in (("fx", fx), ("fy", fy)):
        _check_focal(focal, max(w, h), f"{path}: {name}")
    if not (0.5 < fx / fy < 2.0):
        raise BadInputError(f"{path}: fx = {fx:g} and fy = {fy:g} differ too much for a camera with square pixels")
    if not (0 <= cx <= w and 0 <= cy <= h):
        raise BadInputError(f"{path}: the principal point ({cx:g}, {cy:g}) lies outside the {w:g} × {h:g} picture")
    camera = Camera(fx, fy, cx, cy, int(w), int(h), _distortion(data, path), source=f"given in {path.name}")
    return _fit_to_video(camera, width, height, path)


def camera_from(
    width: int,
    height: int,
    *,
    fov_deg: float | None = None,
    focal_px: float | None = None,
    focal_35mm: float | None = None,
) -> tuple[Camera, tuple[str, ...]]:
    """Make a pinhole camera with its principal point in the middle from at most one number.

    Args:
        width: width of the upright video frame in pixels.
        height: its height.
        fov_deg: angle of view along the longer side, in degrees.
        focal_px: focal length in pixels.
        focal_35mm: 35 mm-equivalent focal length (by the diagonal, as phones state it) in mm.

    Returns:
        The camera, and sentences the user should read (the default is a guess).

    Raises:
        BadInputError: more than one number, or an absurd one.
    """
    given = [
        name
        for name, value in (("--fov-deg", fov_deg), ("--focal-px", focal_px), ("--focal-35mm", focal_35mm))
        if value is not None
    ]
    if len(given) > 1:
        raise BadInputError(f"{' and '.join(given)} say the same thing twice: give only one of them")
    diagonal, long_side = math.hypot(width, height), max(width, height)
    warnings: tuple[str, ...] = ()
    sigma = 0.0
    if fov_deg is not None:
        if not 5.0 <= fov_deg <= 120.0:
            raise BadInputError(f"--fov-deg {fov_deg:g} is outside 5–120 degrees: give the angle along the longer side")
        focal, source = long_side / 2.0 / math.tan(math.radians(fov_deg) / 2.0), f"field of view {fov_deg:g}°"
    elif focal_px is not None:
        _check_focal(focal_px, long_side, "--focal-px")
        focal, source = focal_px, "focal length given in pixels"
    elif focal_35mm is not None:
        if not 8.0 <= focal_35mm <= 600.0:
            raise BadInputError(
                f"--focal-35mm {focal_35mm:g} is outside 8–600 mm: give the 35 mm-equivalent focal length"
            )
        focal, source = focal_35mm / FULL_FRAME_DIAGONAL_MM * diagonal, f"{focal_35mm:g} mm equivalent"
    else:
        focal = PHONE_FOCAL_MM * PHONE_VIDEO_CROP / FULL_FRAME_DIAGONAL_MM * diagonal
        source = f"guessed: a phone's main lens ({PHONE_FOCAL_MM:g} mm equivalent, video crop {PHONE_VIDEO_CROP:g})"
        sigma = GUESS_SIGMA
        warnings = (
            f"The focal length is a guess ({focal:.0f} px, a phone's main lens: {PHONE_FOCAL_MM:g} mm equivalent with "
            f"the {PHONE_VIDEO_CROP:g}× crop of video); pass --focal-35mm or --camera if you know it.",
        )
    camera = Camera(focal, focal, width / 2.0, height / 2.0, width, height, source=source, focal_sigma=sigma)
    return camera, warnings


def is_distorted(camera: Camera) -> bool:
    """Return whether the lens bends straight lines."""
    return any(camera.k)


def pinhole(camera: Camera) -> Camera:
    """Return the camera of the undistorted frames: the same intrinsics, no distortion."""
    return replace(camera, k=(0.0, 0.0, 0.0, 0.0, 0.0))


def undistort(image: NDArray[Any], camera: Camera) -> NDArray[Any]:
    """Undo the lens distortion of a frame or mask; the intrinsics stay, pixels from outside become black.

    Args:
        image: BGR frame or uint8 mask. [H, W] or [H, W, 3]
        camera: the camera with its distortion; with none the image itself is returned.
    """
    if not is_distorted(camera):
        return image
    matrix = _index_intrinsics(camera)
    return np.asarray(cv2.undistort(image, matrix, np.array(camera.k)))


def undistort_masks(masks: NDArray[np.bool_], camera: Camera) -> NDArray[np.bool_]:
    """Undo the lens distortion of masks. [T, H, W]"""
    if not is_distorted(camera):
        return masks
    return np.stack([undistort(mask.astype(np.uint8) * 255, camera) > 127 for mask in masks])


def undistort_points(points: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Undo the lens distortion of points (u, v, confidence) [..., 3] in pixels."""
    if not is_distorted(camera) or points.size == 0:
        return points
    flat = points.reshape(-1, 3)
    k = camera.intrinsics
    moved = cv2.undistortPoints(flat[:, None, :2].astype(np.float64), k, np.array(camera.k), P=k)[:, 0]
    out = flat.copy()
    out[:, :2] = np.where(flat[:, 2:] > 0, moved, flat[:, :2])
    return out.reshape(points.shape)


def _index_intrinsics(camera: Camera) -> NDArray[np.float64]:
    # Pixel centres are at integer + 0.5 here but at integers in OpenCV's image functions.
    matrix = camera.intrinsics
    matrix[:2, 2] -= 0.5
    return matrix


def _fit_to_video(camera: Camera, width: int, height: int, path: Path) -> tuple[Camera, tuple[str, ...]]:
    if (camera.width, camera.height) == (width, height):
        return camera, ()
    sx, sy = width / camera.width, height / camera.height
    if abs(sx / sy - 1.0) > 0.01:
        turned = " (the picture seems turned by 90°)" if (camera.width, camera.height) == (height, width) else ""
        raise BadInputError(
            f"{path} is for {camera.width} × {camera.height} pixels but the video has {width} × {height}{turned}: "
            "calibrate the camera at the video's size"
        )
    scaled = replace(
        camera, fx=camera.fx * sx, fy=camera.fy * sy, cx=camera.cx * sx, cy=camera.cy * sy, width=width, height=height
    )
    return scaled, (
        f"{path.name} is for {camera.width} × {camera.height} pixels; its numbers were scaled to the video's "
        f"{width} × {height}.",
    )


def _read_json(path: Path) -> dict[str, Any]:
    data = read_json(path, "camera file")
    if not isinstance(data, dict):
        raise BadInputError(f"the camera file {path} must hold one JSON object with fx, fy, cx, cy, width, height")
    return data


def _number(data: dict[str, Any], name: str, path: Path) -> float:
    if name not in data:
        raise BadInputError(f"the camera file {path} lacks {name}: it needs fx, fy, cx, cy, width and height in pixels")
    value = data[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise BadInputError(f"{path}: {name} must be a number in pixels, not {value!r}")
    return float(value)


def _distortion(data: dict[str, Any], path: Path) -> tuple[float, ...]:
    k = data.get("k") or [0.0] * 5
    numbers = isinstance(k, list) and all(isinstance(x, (int, float)) and math.isfinite(x) for x in k)
    if not numbers or len(k) not in (4, 5, 8) or max(abs(x) for x in k) > 100.0:
        raise BadInputError(f"{path}: k must be OpenCV's distortion coefficients [k1, k2, p1, p2, k3], not {k!r}")
    return tuple(float(x) for x in k) + (0.0,) * (5 - len(k))


def _check_focal(focal: float, long_side: float, what: str) -> None:
    low, high = FOCAL_RANGE
    if not math.isfinite(focal) or focal < low * long_side:
        raise BadInputError(
            f"{what} = {focal:g} is too short for a picture of {long_side:g} pixels: "
            "it must be in pixels, not millimetres (for millimetres use --focal-35mm)"
        )
    if focal > high * long_side:
        raise BadInputError(
            f"{what} = {focal:g} is too long for a picture of {long_side:g} pixels: it must be in pixels"
        )
