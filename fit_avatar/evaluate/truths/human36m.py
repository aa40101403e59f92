"""Human3.6M: ``MyPoseFeatures/D3_Positions_mono/*.cdf``, and the same poses as others have converted them.

Ionescu et al., "Human3.6M", TPAMI 2014. The files are in NASA's CDF: one variable, Pose, [1, N, 96] millimetres of 32
joints. ``D3_Positions_mono`` is in the coordinates of the camera that the file's name ends with, ``D3_Positions`` in
the room's.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from fit_avatar.errors import BadInputError
from fit_avatar.evaluate.joint_sets import H36M_17
from fit_avatar.evaluate.truths.parts import FloatArray, hdf5_array, numbers, open_hdf5
from fit_avatar.evaluate.truths.truth import Truth
from fit_avatar.io.files import require_file
from fit_avatar.io.optional import import_optional, install

CHOSEN = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""The joints of H36M_17 among the 32; the others stand in the same places."""
FPS = 50.0
CAMERAS = ("54138969", "55011271", "58860488", "60457274")
CDF_MARKS = (b"\xcd\xf3\x00\x01", b"\xcd\xf2\x60\x02", b"\x00\x00\xff\xff")
"""With which files in CDF begin, versions 3, 2.6 and older."""
METRES = 1e-3


def read_cdf(path: Path) -> Truth:
    """Read a file as its owners ship it.

    Raises:
        BadInputError: it is damaged or holds something else.
        MissingDependencyError: cdflib is not installed.
    """
    require_file(path, "truth")
    with path.open("rb") as file:
        start = file.read(4)
    if start not in CDF_MARKS:
        raise BadInputError(f"{path} is not a file in CDF: give one of Human3.6M's D3_Positions_mono folder")
    cdflib = import_optional(
        "cdflib", "Human3.6M's .cdf files need the package cdflib", f"install it with {install('cdflib')}"
    )
    try:
        pose = cdflib.CDF(str(path)).varget("Pose")
    except Exception as error:  # a damaged file can raise anything
        told = " ".join(str(error).split())[:120] or type(error).__name__
        raise BadInputError(f"{path} has no readable variable Pose ({told}): get the file again") from None
    return _truth(np.asarray(pose), path)


def read_mat(variables: dict[str, Any], path: Path) -> Truth | None:
    """Return the poses in a .cdf.mat file of the conversion by VideoPose3D; None for another layout."""
    data = variables.get("data")
    if data is None or getattr(data, "dtype", np.dtype(float)).kind != "O" or data.size != 1:
        return None
    return _truth(np.asarray(data.ravel()[0]), path)


def read_h5(path: Path) -> Truth:
    """Read ``MyPoses/3D_positions/*.h5``, the conversion by Martinez et al. 2017, in the room's coordinates.

    Raises:
        BadInputError: it holds something else.
        MissingDependencyError: h5py is not installed.
    """
    with open_hdf5(path) as file:
        pose = hdf5_array(file, "3D_positions", path)
    return _truth(pose.T if pose.ndim == 2 and pose.shape[0] == 96 else pose, path, room=True)


def _truth(pose: FloatArray, path: Path, room: bool = False) -> Truth:
    flat = pose[0] if pose.ndim == 3 and len(pose) == 1 else pose
    joints = numbers(flat, "Pose", path, (None, 96)).reshape(-1, 32, 3)[:, CHOSEN] * METRES
    camera = "" if room else _camera(path)
    if "universal" in str(path.absolute().parent.name).lower():
        raise BadInputError(f"{path} is of a skeleton of universal size: give the file of D3_Positions_mono")
    notes = () if camera else ("the joints are in the room's coordinates, so the clip is aligned as a whole",)
    return Truth(
        layout=f"Human3.6M{f', camera {camera}' if camera else ''}",
        frames=np.arange(len(joints)),
        joint_names=H36M_17.joints,
        joints=joints,
        in_camera=bool(camera),
        fps=FPS,
        protocol="h36m-17",
        notes=notes,
        camera=camera,
    )


def _camera(path: Path) -> str:
    """Return the camera that a name ends with: Directions 1.54138969.cdf; empty if there is none."""
    found = re.search(rf"\.({'|'.join(CAMERAS)})\.", path.name)
    return found[1] if found else ""
