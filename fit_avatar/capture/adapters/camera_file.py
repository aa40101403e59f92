"""Reading a camera from the file of any program that is known."""

from __future__ import annotations

import re
from pathlib import Path

from fit_avatar.capture.adapters.camera_json import Numbers, from_mapping, from_matrix
from fit_avatar.capture.adapters.camera_text import from_colmap, from_colmap_binary, from_matrix_text, from_yaml
from fit_avatar.capture.files import files_in, read_json
from fit_avatar.capture.snapshot_files import read_snapshot_camera
from fit_avatar.errors import BadInputError
from fit_avatar.io.arrays import ArraysError, read_npy, read_npz
from fit_avatar.io.files import described
from fit_avatar.io.kinds import kind_of, misfit

IN_FOLDERS = (
    "intri.yml", "cameras.txt", "sparse/0/cameras.txt", "sparse/cameras.txt", "cameras.bin", "sparse/0/cameras.bin",
    "transforms.json", "cameras.npz", "camera.pkl", "camera.json",
)  # fmt: skip
"""Where the camera is in the folders of EasyMocap, COLMAP, NeRFs, InstantAvatar and People-Snapshot."""
MAX_BYTES = 50_000_000
"""Larger files are no descriptions of cameras. Chosen by hand."""


def read_camera_file(path: Path, video: tuple[int, int]) -> Numbers:
    """Return the numbers of a camera by the names fx, fy, cx, cy, width, height, k.

    Args:
        path: a file or folder.
        video: width and height of the video in pixels, for files that do not say their pictures' size.

    Raises:
        BadInputError: no such file, or of no known layout.
    """
    numbers = _read(path, video)
    if not {"fx", "fy"} & numbers.keys():
        return numbers
    return {"width": video[0], "height": video[1], **numbers} if not {"width", "height"} & numbers.keys() else numbers


def _read(path: Path, video: tuple[int, int]) -> Numbers:
    if path.is_dir():
        return _read_folder(path, video)
    suffix = path.suffix.lower()
    if suffix == ".pkl":
        return read_snapshot_camera(path)
    if not path.is_file():
        raise BadInputError(f"there is no camera file {path}: check the path")
    if path.stat().st_size > MAX_BYTES:
        raise BadInputError(
            f"{path} has {path.stat().st_size >> 20} MB, too much for a description of a camera: check that it is the "
            "right file"
        )
    if suffix in (".npz", ".npy"):
        return _from_arrays(path, video)
    if suffix == ".bin":
        return from_colmap_binary(path.read_bytes(), path)
    if suffix in (".txt", ".yml", ".yaml", ".csv"):
        return _from_text(path)
    if suffix != ".json" and kind_of(path).split()[-1:] in (["picture"], ["video"], ["archive"]):
        raise BadInputError(
            misfit(path, "a description of a camera", "give a JSON file with fx, fy, cx, cy, width, height")
        )
    data = read_json(path, "camera file")
    if isinstance(data, list) and len(data) in (3, 4) and all(isinstance(row, list) for row in data):
        return from_matrix(data, path)
    if not isinstance(data, dict):
        raise BadInputError(
            f"the camera file {path} holds {described(data)}: it must hold one JSON object with fx, fy, cx, cy, width, "
            "height"
        )
    return _with_focal_length(from_mapping(data, path, video), described(data), path)


def _with_focal_length(numbers: Numbers, content: str, path: Path) -> Numbers:
    if "fx" not in numbers:
        raise BadInputError(
            f"the camera file {path} lacks fx: it holds {content}, and needs fx, fy, cx, cy, width and height in "
            "pixels, or the layout of another program (see docs/formats.md)"
        )
    return numbers


def _read_folder(folder: Path, video: tuple[int, int]) -> Numbers:
    found = next((folder / name for name in IN_FOLDERS if (folder / name).is_file()), None)
    if found is not None:
        return _read(found, video)
    files = files_in(folder, ".json", "camera files")
    cameras = [_read(path, video) for path in files]
    if any(camera != cameras[0] for camera in cameras):
        raise BadInputError(f"the cameras in {folder} differ from frame to frame: give the one of a camera at rest")
    return cameras[0]


def _from_arrays(path: Path, video: tuple[int, int]) -> Numbers:
    try:
        if path.suffix.lower() == ".npy":
            return from_matrix(read_npy(path), path)
        arrays = read_npz(path)
    except ArraysError as error:
        raise BadInputError(f"the camera file {path} cannot be read ({error}): make it again") from None
    numbers = from_mapping({name: a.tolist() if a.size < 4096 else a for name, a in arrays.items()}, path, video)
    return _with_focal_length(numbers, described(arrays), path)


def _from_text(path: Path) -> Numbers:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"the camera file {path} cannot be read ({error}): make it again") from None
    for numbers in (reader(text, path) for reader in (from_colmap, from_matrix_text, from_yaml)):
        if numbers is not None:
            return numbers
    if re.search(r"^\s*(Rot|R|T)_\w+:", text, re.MULTILINE):
        raise BadInputError(
            f"{path} says where cameras stand, not what they see: give intri.yml, which is written with it"
        )
    lines = text.strip().splitlines()
    beginning = f"begins with {lines[0].strip()[:40]!r}" if lines else "is empty"
    raise BadInputError(
        f"the camera file {path} {beginning} and has no layout that is known: give COLMAP's cameras.txt, a "
        "3 × 3 matrix, OpenCV's, EasyMocap's or Kalibr's YAML, or another of docs/formats.md"
    )
