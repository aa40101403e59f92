"""Cameras as JSON or as the arrays of an .npz: our own numbers, K matrices, NeRF's transforms.json, ExAvatar's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fit_avatar.errors import BadInputError

Numbers = dict[str, Any]
"""A camera by the names fx, fy, cx, cy, width, height, k; what a file does not say is missing. All but k in pixels."""

MATRICES = (
    "K",
    "intrinsic",
    "intrinsics",
    "camera_matrix",
    "cameraMatrix",
    "intrinsic_matrix",
    "cam_intrinsics",
    "mtx",
)
DISTORTIONS = ("k", "dist", "distortion", "dist_coeffs", "distCoeffs", "distortion_coefficients", "D")
SIZES = ("img_size", "image_size", "resolution", "size")
WIDTHS, HEIGHTS = ("width", "w", "W", "image_width", "img_width"), ("height", "h", "H", "image_height", "img_height")
"""Names that programs give to these numbers."""


def from_mapping(data: Mapping[str, Any], path: Path, video: tuple[int, int]) -> Numbers:
    """Return the numbers of a camera whatever their names; those that are not there are missing.

    Args:
        data: the file's content.
        path: the file, for messages.
        video: width and height of the video in pixels.

    Raises:
        BadInputError: a fisheye camera, or a matrix that is none of a camera.
    """
    lens = str(data.get("camera_model", data.get("distortion_model", ""))).lower()
    if "fisheye" in lens or "equidistant" in lens or data.get("is_fisheye") is True:
        raise BadInputError(f"{path} describes a fisheye lens: undistort the video, or calibrate a pinhole camera")
    numbers = {name: data[name] for name in ("fx", "fy", "cx", "cy") if name in data} | _size(data)
    matrix = next((data[name] for name in MATRICES if name in data), None)
    if "fx" not in numbers and isinstance(matrix, dict) and "fx" in matrix:
        numbers |= from_mapping(matrix, path, video)
    elif "fx" not in numbers and matrix is not None:
        numbers |= from_matrix(matrix, path)
    if "focal" in data and "princpt" in data:  # ExAvatar's and ARAH's names
        numbers |= dict(zip(("fx", "fy"), _pair(data["focal"]), strict=True))
        numbers |= dict(zip(("cx", "cy"), _pair(data["princpt"]), strict=True))
    if "fl_x" in data or "camera_angle_x" in data:
        numbers |= _from_nerf(data, path, video)
    distortion = next((data[name] for name in DISTORTIONS if data.get(name) is not None), None)
    if distortion is not None:
        distortion = distortion.get("data") if isinstance(distortion, dict) else distortion
        numbers["k"] = _flat(distortion)
    return numbers


def from_matrix(matrix: Any, path: Path) -> Numbers:
    """Return focal lengths and principal point of a matrix K [3, 3], [3, 4] or [4, 4], or of equal ones [N, 3, 3].

    Raises:
        BadInputError: it is no such matrix, or several cameras differ.
    """
    matrix = matrix.get("data") if isinstance(matrix, dict) else matrix
    try:
        values = np.array(matrix, np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.full(1, np.nan)
    if values.size == 9:
        values = values.reshape(3, 3)
    if values.shape == (4,) and np.isfinite(values).all():  # [fx, fy, cx, cy]
        return dict(zip(("fx", "fy", "cx", "cy"), values.ravel().tolist(), strict=True))
    if values.ndim < 2 or values.shape[-2:] not in ((3, 3), (3, 4), (4, 4)) or not np.isfinite(values).all():
        raise BadInputError(f"{path} has a camera matrix that is not 3 × 3 finite numbers: calibrate the camera again")
    each = values.reshape(-1, *values.shape[-2:])[:, :3, :3]
    if not np.allclose(each, each[:1], rtol=1e-3):
        raise BadInputError(f"{path} has several cameras that differ: give the one of this video")
    k = each[0]
    if abs(k[0, 1]) > 1e-3 * abs(k[0, 0]) or abs(k[1, 0]) > 1e-6 or abs(k[2, 2] - 1.0) > 1e-6:
        raise BadInputError(f"{path} has a camera matrix with skew, or that is none of a camera: calibrate it again")
    return {"fx": float(k[0, 0]), "fy": float(k[1, 1]), "cx": float(k[0, 2]), "cy": float(k[1, 2])}


def _from_nerf(data: Mapping[str, Any], path: Path, video: tuple[int, int]) -> Numbers:
    """Return the numbers of Instant-NGP's and nerfstudio's transforms.json; a plain NeRF's has only the angle."""
    if any(_number(data.get(name)) for name in ("k4", "k5", "k6")):
        raise BadInputError(f"{path} has more distortion coefficients than k1, k2, p1, p2, k3: calibrate it again")
    size = _size(data)
    width = _number(size.get("width")) or float(video[0])
    height = _number(size.get("height")) or float(video[1])
    angle_x, angle_y = (_number(data.get(name)) for name in ("camera_angle_x", "camera_angle_y"))
    fx = data.get("fl_x", 0.5 * width / math.tan(0.5 * angle_x) if 0.0 < angle_x < math.pi else math.nan)
    fy = data.get("fl_y", 0.5 * height / math.tan(0.5 * angle_y) if 0.0 < angle_y < math.pi else fx)
    coefficients = [data.get(name, 0.0) for name in ("k1", "k2", "p1", "p2", "k3")]
    centre = {"cx": data.get("cx", width / 2.0), "cy": data.get("cy", height / 2.0)}
    return {"fx": fx, "fy": fy, **centre, "k": coefficients}


def _size(data: Mapping[str, Any]) -> Numbers:
    pair = next((data[name] for name in SIZES if name in data), None)
    if pair is not None and len(_flat(pair)) == 2:
        return dict(zip(("width", "height"), _flat(pair), strict=True))
    found = {}
    for name, aliases in (("width", WIDTHS), ("height", HEIGHTS)):
        value = next((data[alias] for alias in aliases if alias in data), None)
        if value is not None:
            found[name] = value
    return found


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _pair(value: Any) -> list[Any]:
    flat = _flat(value)
    return flat if len(flat) == 2 else [math.nan, math.nan]


def _flat(value: Any) -> list[Any]:
    """Return a nested list or array of numbers as a flat list; what is none of these as it is, in a list."""
    if isinstance(value, np.ndarray):
        return list(value.ravel().tolist())
    if not isinstance(value, (list, tuple)):
        return [value]
    return [part for item in value for part in (_flat(item) if isinstance(item, (list, tuple)) else [item])]
