"""The three files that describe a clip in People-Snapshot's layout: keypoints.hdf5, masks.hdf5, camera.pkl.

Alldieck et al., "Video Based Reconstruction of 3D People Models", CVPR 2018, and the data set of that name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.openpose import from_coco_18
from fit_avatar.capture.points import People, join_parts, read_points
from fit_avatar.errors import BadInputError, MissingDependencyError
from fit_avatar.io.files import numbers_in, require_file
from fit_avatar.io.optional import install
from fit_avatar.io.safe_pickle import load_pickle

HDF5_SUFFIXES = (".hdf5", ".h5")
MAX_BYTES = {"keypoints": 1 << 28, "masks": 32 << 30}
"""Of each data set; masks are read one by one. Chosen by hand."""
MASK_THRESHOLD = 100
"""Values above this (in masks from 0 to 1: above 100/255) are the person. From the code of Alldieck et al. 2018."""


def import_h5py() -> ModuleType:
    """Return the optional package h5py.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError(
            f"People-Snapshot's .hdf5 files need the package h5py ({error}): install it with {install('h5py')}"
        ) from None
    module: ModuleType = h5py
    return module


def read_snapshot_keypoints(path: Path) -> list[People]:
    """Read ``keypoints.hdf5``: one person per frame, COCO-18 (or BODY_25) as u, v, confidence.

    Returns:
        The people of frames 0 … N-1, one each. N of [1, 137, 3]

    Raises:
        BadInputError: not HDF5, no dataset "keypoints", a wrong number of points, or NaN.
        MissingDependencyError: h5py is not installed.
    """
    with _dataset(path, "keypoints") as data:
        if data.ndim not in (2, 3) or len(data) == 0:
            raise BadInputError(f"the keypoints in {path} have the shape {data.shape}: it must be frames × 54")
        rows = data[:]
    people = []
    for row in rows:
        points = read_points(row, (18, 25), path, "body")
        people.append(join_parts(points if len(points) == 25 else from_coco_18(points))[None])
    return people


class SnapshotMasks:
    """``masks.hdf5``, read one frame at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file; it then has ``count`` masks of ``width`` × ``height`` pixels.

        Raises:
            BadInputError: not HDF5, no dataset "masks", or not frames × height × width.
            MissingDependencyError: h5py is not installed.
        """
        self.path = path
        with _dataset(path, "masks") as data:
            if data.ndim != 3 or 0 in data.shape or data.dtype.kind not in "buif":
                raise BadInputError(
                    f"the masks in {path} have the shape {data.shape}: it must be frames × height × width"
                )
            self.count, self.height, self.width = (int(n) for n in data.shape)
            maxima = (float(_unsigned(frame).max()) for frame in data)
            self._threshold = MASK_THRESHOLD / (1.0 if next((m for m in maxima if m > 0), 0.0) > 1.0 else 255.0)

    def read(self, indices: list[int]) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        """Yield (index, mask [H, W]) for those of the frames that the file has."""
        with _dataset(self.path, "masks") as data:
            for index in indices:
                if 0 <= index < self.count:
                    yield index, np.asarray(_unsigned(data[index]) > self._threshold)


def read_snapshot_camera(path: Path) -> dict[str, Any]:
    """Read ``camera.pkl`` with a reader that executes nothing.

    ``camera_c`` is used as it is, although its pixel centres are at integers and this package's at integer + 0.5: the
    files' own values (often just half the picture's size) are less exact than that half pixel. ``camera_t`` and
    ``camera_rt`` are not used, because everything here is in camera coordinates.

    Returns:
        The numbers under the names of a camera in JSON: fx, fy, cx, cy, width, height, k.

    Raises:
        BadInputError: not such a file.
    """
    data = load_pickle(path)
    if not isinstance(data, dict):
        raise BadInputError(f"the camera file {path} must hold one dictionary with camera_f, camera_c, width, height")
    named = {name.decode("latin1") if isinstance(name, bytes) else name: value for name, value in data.items()}
    f, c = (_numbers(named, name, 2, path) for name in ("camera_f", "camera_c"))
    width, height = (_numbers(named, name, 1, path)[0] for name in ("width", "height"))
    k = _numbers(named, "camera_k", 5, path) if "camera_k" in named else [0.0] * 5
    return {"fx": f[0], "fy": f[1], "cx": c[0], "cy": c[1], "width": width, "height": height, "k": k}


def _numbers(data: dict[Any, Any], name: str, count: int, path: Path) -> list[float]:
    if name not in data:
        raise BadInputError(f"the camera file {path} lacks {name}: it needs camera_f, camera_c, width and height")
    values = numbers_in(data[name], count)
    if values is None:
        numbers = "one number" if count == 1 else f"{count} numbers"
        raise BadInputError(f"{path}: {name} must be {numbers}: make the file again")
    return values


def _unsigned(values: Any) -> NDArray[Any]:
    """Reinterpret signed bytes, in which 255 was stored as -1, as unsigned."""
    array = np.asarray(values)
    return array.view(np.uint8) if array.dtype == np.int8 else array


@contextmanager
def _dataset(path: Path, name: str) -> Iterator[Any]:
    h5py = import_h5py()
    require_file(path, "file")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise BadInputError(f"{path} is not a readable HDF5 file ({error}): copy or make it again") from None
    with file:
        if not isinstance(file.get(name), h5py.Dataset):
            names = ", ".join(sorted(file)) or "nothing"
            raise BadInputError(f"{path} has no dataset '{name}' but {names}: give People-Snapshot's {name}.hdf5")
        try:
            if file[name].nbytes > MAX_BYTES[name]:
                raise BadInputError(f"{path} claims {file[name].nbytes / 1e9:.3g} GB of {name}: make it again")
            yield file[name]
        except OSError as error:  # a chunk is cut off or cannot be decompressed
            raise BadInputError(f"{path} is not a readable HDF5 file ({error}): copy or make it again") from None
