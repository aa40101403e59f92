"""The camera: from a file, from a field of view or focal length, or a guess for phones."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.adapters.camera_file import read_camera_file
from fit_avatar.capture.types import PERSON_LEVEL, Camera
from fit_avatar.errors import BadInputError

FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)
"""Diagonal of a 36 mm × 24 mm frame, to which 35 mm-equivalent focal lengths refer."""


BORDER_POINTS = 25
"""Distortion is checked towards so many points of each side of the picture."""
MAX_BORDER_ERROR_PX = 2.0
"""By which a border point may miss itself when its distortion is undone and done again. Chosen by hand."""


@dataclass(frozen=True)
class FocalConfig:
    """The guess of an unknown focal length, and the range of those that are accepted."""

    phone_mm: float = 26.0
    """35 mm-equivalent focal length of a phone's main lens, in mm. Phones have 24 to 28 mm; chosen by hand."""
    phone_video_crop: float = 1.15
    """Factor on it for video, which uses less of the sensor than photographs. Electronic stabilisation crops 10 to
    20 %; chosen by hand."""
    guess_sigma: float = 0.35
    """Relative standard deviation of the guess, for other lenses and crops. Chosen by hand."""
    accepted: tuple[float, float] = (0.3, 20.0)
    """Focal lengths outside these multiples of the picture's longer side are refused as mistakes. Chosen by hand."""
    usual: float = 4.0
    """Above this multiple, a 140 mm lens in 35 mm equivalents, the user is warned: programs that work with weak
    perspective write such values. Chosen by hand."""
    max_stretch: float = 0.03
    """Relative difference of fx and fy above which the user is warned. Chosen by hand."""


DEFAULT_FOCAL = FocalConfig()


def load_camera(
    path: Path, width: int, height: int, config: FocalConfig = DEFAULT_FOCAL
) -> tuple[Camera, tuple[str, ...]]:
    """Read a camera: JSON with ``{fx, fy, cx, cy, width, height, k}`` in pixels, or a file that another program wrote.

    ``docs/formats.md`` lists them; a file that does not say the pictures' size is for the video's.

    Args:
        path: the file, or a folder in the layout of COLMAP, EasyMocap or People-Snapshot.
        width: width of the upright video frame in pixels.
        height: its height.
        config: the range of focal lengths that are accepted.

    Returns:
        The camera at the video's size, and warnings for the user.

    Raises:
        BadInputError: unreadable file, missing or impossible numbers, or a size that does not fit the video.
    """
    data = read_camera_file(path, (width, height))
    fx, fy, cx, cy, w, h = (_number(data, name, path) for name in ("fx", "fy", "cx", "cy", "width", "height"))
    if w < 1 or h < 1 or w != int(w) or h != int(h):
        raise BadInputError(f"{path}: width and height are {w:g} × {h:g}, not whole pixels: give the picture's size")
    for name, focal in (("fx", fx), ("fy", fy)):
        _check_focal(focal, max(w, h), f"{path}: {name}", config)
    if not (0.5 < fx / fy < 2.0):
        raise BadInputError(
            f"{path}: fx = {fx:g} and fy = {fy:g} differ too much for one lens: calibrate the camera again"
        )
    if not (0 <= cx <= w and 0 <= cy <= h):
        raise BadInputError(
            f"{path}: the principal point ({cx:g}, {cy:g}) lies outside the {w:g} × {h:g} picture: give it in "
            "pixels from the top left corner"
        )
    camera = Camera(fx, fy, cx, cy, int(w), int(h), _distortion(data, path), source=f"given in {path.name}")
    _check_folds(camera, path)
    fitted, warnings = _fit_to_video(camera, width, height, path)
    return fitted, (*warnings, *_oddities(fitted, path, config))


def camera_from(
    width: int,
    height: int,
    *,
    fov_deg: float | None = None,
    focal_px: float | None = None,
    focal_35mm: float | None = None,
    config: FocalConfig = DEFAULT_FOCAL,
) -> tuple[Camera, tuple[str, ...]]:
    """Make a pinhole camera with its principal point in the middle from at most one number.

    Args:
        width: width of the upright video frame in pixels.
        height: its height.
        fov_deg: angle of view along the longer side, in degrees.
        focal_px: focal length in pixels.
        focal_35mm: 35 mm-equivalent focal length (by the diagonal, as phones state it) in mm.
        config: the guess where no number is given, and the range of focal lengths in pixels that are accepted.

    Returns:
        The camera, and warnings for the user (the default is a guess).

    Raises:
        BadInputError: more than one number, or an impossible one.
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
        _check_focal(focal_px, long_side, "--focal-px", config)
        focal, source = focal_px, "focal length given in pixels"
    elif focal_35mm is not None:
        if not 8.0 <= focal_35mm <= 600.0:
            raise BadInputError(
                f"--focal-35mm {focal_35mm:g} is outside 8–600 mm: give the 35 mm-equivalent focal length"
            )
        focal, source = focal_35mm / FULL_FRAME_DIAGONAL_MM * diagonal, f"{focal_35mm:g} mm equivalent"
    else:
        phone, crop, sigma = config.phone_mm, config.phone_video_crop, config.guess_sigma
        focal = phone * crop / FULL_FRAME_DIAGONAL_MM * diagonal
        source = f"guessed: a phone's main lens ({phone:g} mm equivalent, video crop {crop:g})"
        warnings = (
            f"The focal length is a guess ({focal:.0f} px, a phone's main lens: {phone:g} mm equivalent with "
            f"the {crop:g}× crop of video); pass --focal-35mm or --camera if you know it.",
        )
    camera = Camera(focal, focal, width / 2.0, height / 2.0, width, height, source=source, focal_sigma=sigma)
    return camera, warnings


def require_camera_size(camera: Camera, width: int, height: int, path: Path) -> None:
    """Check that a camera is for the pictures of a file.

    Raises:
        BadInputError: their width or height in pixels differs from the camera's.
    """
    if (camera.width, camera.height) != (width, height):
        raise BadInputError(
            f"the camera is for {camera.width} × {camera.height} pixels but {path} has {width} × {height}: "
            "calibrate it at that size"
        )


def is_distorted(camera: Camera) -> bool:
    """Return whether the camera has lens distortion."""
    return any(camera.k)


def pinhole(camera: Camera) -> Camera:
    """Return the camera of the undistorted frames: the same intrinsics, no distortion."""
    return replace(camera, k=(0.0, 0.0, 0.0, 0.0, 0.0))


def undistort(image: NDArray[Any], camera: Camera) -> NDArray[Any]:
    """Undo the lens distortion of a frame or mask; the intrinsics stay, and pixels from outside are black.

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
    return np.stack([undistort(mask.astype(np.uint8) * 255, camera) > PERSON_LEVEL for mask in masks])


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


def _oddities(camera: Camera, path: Path, config: FocalConfig) -> tuple[str, ...]:
    """Return warnings about numbers that are possible but seldom right."""
    warnings = []
    long_side, focal = max(camera.width, camera.height), max(camera.fx, camera.fy)
    if focal > config.usual * long_side:
        warnings.append(
            f"The focal length in {path.name} is {focal / long_side:.0f} times the picture's longer side "
            f"({focal:.0f} px): unless it is a long telephoto lens, it comes from a program "
            "that ignores perspective, and the result is better without it."
        )
    if abs(camera.fx / camera.fy - 1.0) > config.max_stretch:
        warnings.append(
            f"fx and fy in {path.name} differ by {100 * abs(camera.fx / camera.fy - 1.0):.0f} %: unless the video's "
            "pixels are not square, the calibration is wrong."
        )
    return tuple(warnings)


def _fit_to_video(camera: Camera, width: int, height: int, path: Path) -> tuple[Camera, tuple[str, ...]]:
    if (camera.width, camera.height) == (width, height):
        return camera, ()
    if _same_shape(camera.width, camera.height, width, height):
        return camera.fitted_to(width, height), (
            f"{path.name} is for {camera.width} × {camera.height} pixels; its numbers were scaled to the video's "
            f"{width} × {height}.",
        )
    what = f"{path} is for {camera.width} × {camera.height} pixels but the video has {width} × {height}"
    if not _same_shape(camera.height, camera.width, width, height):
        raise BadInputError(
            f"{what}: calibrate the camera at the video's size, or crop the numbers as the video was cropped"
        )
    if not _turns_to_one(camera):
        raise BadInputError(
            f"{what} (the picture seems turned by 90°), and the principal point is not in the middle, so that the "
            "direction of the turn matters: give the numbers of the turned picture"
        )
    turned = replace(
        camera, fx=camera.fy, fy=camera.fx, cx=camera.cy, cy=camera.cx, width=camera.height, height=camera.width
    )
    return turned.fitted_to(width, height), (
        f"{path.name} is for {camera.width} × {camera.height} pixels but the video has {width} × {height}; "
        "its numbers were turned by 90°.",
    )


def _same_shape(a_width: int, a_height: int, b_width: int, b_height: int) -> bool:
    return abs(b_width / a_width / (b_height / a_height) - 1.0) <= 0.01


def _turns_to_one(camera: Camera) -> bool:
    """Return whether turning the picture to the left and to the right gives the same camera."""
    middle = max(abs(camera.cx - camera.width / 2.0), abs(camera.cy - camera.height / 2.0))
    return middle <= 0.5 and not any(camera.k[2:4])


def _number(data: dict[str, Any], name: str, path: Path) -> float:
    if name not in data:
        raise BadInputError(
            f"the camera file {path} lacks {name}: it needs fx, fy, cx, cy, width and height in pixels, or the layout "
            "of another program (see docs/formats.md)"
        )
    value = _as_float(data[name])
    if not math.isfinite(value):
        raise BadInputError(f"{path}: {name} must be a number in pixels, not {data[name]!r:.60}")
    return value


def _as_float(value: Any) -> float:
    """Return a number, also from text; NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _distortion(data: dict[str, Any], path: Path) -> tuple[float, ...]:
    given = data.get("k") or [0.0] * 5
    k = [_as_float(x) for x in given] if isinstance(given, list) else [math.nan]
    if not all(map(math.isfinite, k)) or len(k) not in (4, 5, 8) or max(map(abs, k)) > 100.0:
        raise BadInputError(
            f"{path}: k must be OpenCV's distortion coefficients [k1, k2, p1, p2, k3], not {given!r:.100}"
        )
    if len(k) == 4 and any(k):
        raise BadInputError(
            f"{path} has four distortion coefficients, which may be those of a fisheye lens: if they are k1, k2, p1, "
            "p2, write 0 as the fifth; if it is a fisheye, undistort the video first"
        )
    return tuple(k) + (0.0,) * (5 - len(k))


def _check_folds(camera: Camera, path: Path) -> None:
    """Refuse a distortion that shows something twice, or that does not reach the picture's border."""
    if not is_distorted(camera):
        return
    along = np.linspace(0.0, 1.0, BORDER_POINTS)
    sides = [np.stack(pair, 1) for x in (0.0, 1.0) for pair in ((along, along * 0 + x), (along * 0 + x, along))]
    border = np.concatenate(sides) * (camera.width, camera.height)
    k, coefficients = camera.intrinsics, np.array(camera.k)
    rays = cv2.undistortPoints(border[:, None], k, coefficients)[:, 0]
    way = rays[:, None] * along[1:, None]  # from the axis to the border
    points = cv2.convertPointsToHomogeneous(way.reshape(-1, 2))
    seen = cv2.projectPoints(points, np.zeros(3), np.zeros(3), k, coefficients)[0]
    seen = seen.reshape(len(rays), BORDER_POINTS - 1, 2)
    outwards = np.diff(np.linalg.norm(seen - [camera.cx, camera.cy], axis=-1), axis=1) > 0
    if not (np.isfinite(seen).all() and outwards.all() and np.abs(seen[:, -1] - border).max() <= MAX_BORDER_ERROR_PX):
        raise BadInputError(
            f"{path}: the distortion coefficients {[round(x, 4) for x in camera.k]} fold the picture over before its "
            "border: calibrate again with views that reach into the corners"
        )


def _check_focal(focal: float, long_side: float, what: str, config: FocalConfig) -> None:
    low, high = config.accepted
    if not math.isfinite(focal) or focal < low * long_side:
        raise BadInputError(
            f"{what} = {focal:g} is too short for a picture of {long_side:g} pixels: "
            "it must be in pixels, not millimetres (for millimetres use --focal-35mm)"
        )
    if focal > high * long_side:
        raise BadInputError(
            f"{what} = {focal:g} is too long for a picture of {long_side:g} pixels: give the focal length in pixels, "
            f"which is {long_side:g} to {2 * long_side:g} for usual lenses"
        )
