"""Cameras as text: COLMAP's cameras.txt, and YAML as OpenCV, EasyMocap, ROS and Kalibr write it."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fit_avatar.capture.adapters.camera_json import Numbers, from_matrix
from fit_avatar.errors import BadInputError

COLMAP = {
    "SIMPLE_PINHOLE": ("f", "cx", "cy"),
    "PINHOLE": ("fx", "fy", "cx", "cy"),
    "SIMPLE_RADIAL": ("f", "cx", "cy", "k1"),
    "RADIAL": ("f", "cx", "cy", "k1", "k2"),
    "OPENCV": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2"),
    "FULL_OPENCV": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
}
"""COLMAP's models of lenses that a pinhole with OpenCV's distortion can express, and their parameters."""
COLMAP_BINARY = ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "OPENCV_FISHEYE", "FULL_OPENCV")
"""The models by their numbers in cameras.bin."""
MAX_CAMERAS = 10_000
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
ENTRY = re.compile(
    r"^[ \t]*(?P<name>[A-Za-z]\w*):[ \t]*(?:!!opencv-matrix)?\s*"
    r"(?:rows:[ \t]*\d+\s+cols:[ \t]*\d+\s+(?:dt:[ \t]*\S+\s+)?data:[ \t]*)?"
    r"(?:\[(?P<list>[^\[\]]*)\]|(?P<value>[\w.+-]+))[ \t]*(?:#.*)?$",
    re.MULTILINE,
)
"""A name with a list of numbers, a matrix of OpenCV or one word; what else YAML has is not needed for cameras."""


def from_colmap(text: str, path: Path) -> Numbers | None:
    """Read COLMAP's cameras.txt (CAMERA_ID MODEL WIDTH HEIGHT PARAMS…); ``None`` for another layout.

    Raises:
        BadInputError: several cameras that differ, or a model that no pinhole can express.
    """
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines or any(len(words) < 5 or not words[0].isdigit() or not words[1].isupper() for words in lines):
        return None
    return colmap_camera([words[1:] for words in lines], path)


def colmap_camera(cameras: Sequence[Sequence[Any]], path: Path) -> Numbers:
    """Return the numbers of COLMAP's only camera, from (model, width, height, parameters …) of each.

    Raises:
        BadInputError: as :func:`from_colmap`.
    """
    model, *values = cameras[0]
    if any(camera != cameras[0] for camera in cameras):
        raise BadInputError(f"{path} has {len(cameras)} cameras that differ: leave only this video's")
    if model not in COLMAP:
        raise BadInputError(
            f"{path} has COLMAP's camera model {model[:40]}, which is no pinhole with OpenCV's distortion: run COLMAP "
            "with --ImageReader.camera_model OPENCV"
        )
    names = COLMAP[model]
    if len(values) != 2 + len(names):
        raise BadInputError(f"{path} has {len(values) - 2} parameters for {model}: there must be {len(names)}")
    read = dict(zip(("width", "height", *names), values, strict=True))
    numbers: Numbers = {"width": read["width"], "height": read["height"], "cx": read["cx"], "cy": read["cy"]}
    numbers |= {"fx": read.get("fx", read.get("f")), "fy": read.get("fy", read.get("f"))}
    order = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
    return numbers | {"k": [read.get(name, 0.0) for name in order[: 8 if "k4" in read else 5]]}


def from_colmap_binary(content: bytes, path: Path) -> Numbers:
    """Read COLMAP's cameras.bin.

    Raises:
        BadInputError: cut off, or as :func:`from_colmap`.
    """
    cameras, place = [], 8
    try:
        (count,) = struct.unpack_from("<Q", content)
        for _ in range(min(count, MAX_CAMERAS)):
            _, model, width, height = struct.unpack_from("<iiQQ", content, place)
            name = COLMAP_BINARY[model] if 0 <= model < len(COLMAP_BINARY) else f"number {model}"
            parameters = len(COLMAP.get(name, ()))
            values = struct.unpack_from(f"<{parameters}d", content, place + 24)
            cameras.append([name, width, height, *values])
            if not parameters:  # how many there are is not known
                break
            place += 24 + 8 * parameters
    except struct.error:
        cameras = []
    if not cameras:
        raise BadInputError(f"{path} is cut off or no cameras.bin of COLMAP: copy or make it again")
    return colmap_camera(cameras, path)


def from_matrix_text(text: str, path: Path) -> Numbers | None:
    """Read a K matrix written as rows of numbers; ``None`` for another layout."""
    rows = [re.split(r"[\s,;]+", line.strip(" \t,;[]")) for line in text.splitlines() if line.strip(" \t,;[]")]
    if len(rows) not in (3, 4) or any(len(row) not in (3, 4) for row in rows):
        return None
    if any(not re.fullmatch(NUMBER, word) for row in rows for word in row):
        return None
    return from_matrix([[float(word) for word in row] for row in rows], path)


def from_yaml(text: str, path: Path) -> Numbers | None:
    """Read a camera from YAML: ``K_<name>`` and ``dist_<name>`` (EasyMocap), ROS, OpenCV or Kalibr; else ``None``.

    Raises:
        BadInputError: several cameras that differ, or a lens that no pinhole can express.
    """
    found: dict[str, list[Any]] = {}
    for entry in ENTRY.finditer(text):
        value = entry["value"] if entry["list"] is None else entry["list"].replace(",", " ").split()
        found.setdefault(entry["name"], []).append(value)
    cameras = [
        (name, value)
        for name, values in found.items()
        for value in values
        if re.fullmatch(r"K(?:_\w+)?|camera_matrix|cameraMatrix|Camera_Matrix|intrinsics", name)
        and len(value) in (4, 9)
    ]
    if not cameras:
        return None
    if any(value != cameras[0][1] for _, value in cameras):
        names = ", ".join(dict.fromkeys(name for name, _ in cameras))
        raise BadInputError(f"{path} has {len(cameras)} cameras ({names[:80]}): leave only this video's")
    lens = "".join(str(value) for name in ("distortion_model", "camera_model") for value in found.get(name, ()))
    if any(word in lens for word in ("equi", "fisheye", "fov", "omni", "eucm", "ds")):
        raise BadInputError(f"{path} describes a fisheye lens: undistort the video, or calibrate a pinhole camera")
    numbers = from_matrix(_floats(cameras[0][1], path), path)
    distortion = next(
        (values[0] for name, values in found.items() if re.fullmatch(r"(?i)dist(?:_\w+|ortion\w*)?", name) and values[0]
         and isinstance(values[0], list)), None
    )  # fmt: skip
    if distortion is not None:
        # A model that is named is no fisheye one, so that four coefficients are k1, k2, p1, p2.
        numbers["k"] = _floats(distortion, path) + [0.0] * (lens != "" and len(distortion) == 4)
    return numbers | _size(found)


def _size(found: dict[str, list[Any]]) -> Numbers:
    for name in ("resolution", "image_size", "img_size"):
        if name in found and len(found[name][0]) == 2:
            return dict(zip(("width", "height"), found[name][0], strict=True))
    size: Numbers = {}
    for name, pattern in (
        ("width", r"(?i)(?:image_)?width|W(?:_\w+)?"),
        ("height", r"(?i)(?:image_)?height|H(?:_\w+)?"),
    ):
        value = next((values[0] for key, values in found.items() if re.fullmatch(pattern, key)), None)
        if isinstance(value, str):
            size[name] = value
    return size


def _floats(words: list[str], path: Path) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        raise BadInputError(f"{path} has something in a camera's matrix that is not a number: make it again") from None
