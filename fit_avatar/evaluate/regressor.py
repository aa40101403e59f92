"""Joints as weighted means of the vertices, by a regressor file that the user has."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.errors import BadInputError
from fit_avatar.evaluate.joint_sets import H36M_17, LSP_14
from fit_avatar.io.arrays import DAMAGE, ArraysError, read_npy, read_npz
from fit_avatar.io.files import require_file
from fit_avatar.io.safe_pickle import load_pickle

FloatArray = NDArray[np.float64]

KEYS = ("cocoplus_regressor", "J_regressor_h36m", "J_regressor", "regressor")
"""Under which a file of several arrays is searched for a regressor, the most particular first."""
ORDERS = {14: LSP_14.joints, 19: LSP_14.joints, 17: H36M_17.joints}
"""Joints by the number of rows; of HMR's 19 the last five are of the face."""
MAX_BYTES = 1 << 28


def read_regressor(path: Path, vertices: FloatArray) -> dict[str, FloatArray]:
    """Read a regressor; return each joint's row by its name.

    Files of 17 rows are around in two orders, with the right or the left leg first. Which it is, is seen by applying
    it to the body's template.

    Args:
        path: .npy, .npz or .pkl (as HMR's ``neutral_smpl_with_cocoplus_reg.pkl``), with 14, 17 or 19 rows.
        vertices: of the body at rest, y up, its left side at +x. [V, 3]

    Raises:
        BadInputError: it cannot be read, is for another number of vertices, or its joints are not where they should be.
    """
    matrix = _matrix(path)
    if matrix.ndim == 2 and matrix.shape[1] in ORDERS and matrix.shape[0] not in ORDERS:
        matrix = matrix.T
    if matrix.ndim != 2 or matrix.shape[0] not in ORDERS or not np.isfinite(matrix).all():
        raise BadInputError(
            f"the regressor {path} has the shape {list(matrix.shape)}: it must have a row for each of 14, 17 or 19 "
            "joints and a column for each vertex"
        )
    if matrix.shape[1] != len(vertices):
        raise BadInputError(
            f"the regressor {path} is for {matrix.shape[1]} vertices, but the body has {len(vertices)}: give the one "
            "of this body, or none"
        )
    names = ORDERS[len(matrix)]
    at = dict(zip(names, matrix @ vertices, strict=False))
    if at["left_knee"][0] < at["right_knee"][0]:
        names = tuple(_other_side(name) for name in names)
        at = {_other_side(name): place for name, place in at.items()}
    if not (
        at["left_ankle"][1] < at["left_knee"][1] < at["left_hip"][1] < at["thorax"][1] < at["head_top"][1]
        and at["left_shoulder"][0] > at["right_shoulder"][0]
    ):
        raise BadInputError(
            f"the regressor {path} does not put the joints of this body in their places: check its order"
        )
    return dict(zip(names, matrix, strict=False))


def _other_side(name: str) -> str:
    side, _, rest = name.partition("_")
    return f"{'right' if side == 'left' else 'left'}_{rest}" if side in ("left", "right") else name


def _matrix(path: Path) -> FloatArray:
    require_file(path, "regressor", "give the .npy file with one row for each joint")
    if path.stat().st_size > MAX_BYTES:
        raise BadInputError(f"the regressor {path} has {path.stat().st_size >> 20} MB: check that it is the right file")
    try:
        if path.suffix == ".npy":
            return np.asarray(read_npy(path), np.float64)
        found = dict(read_npz(path)) if zipfile.is_zipfile(path) else load_pickle(path)
    except ArraysError as error:
        raise BadInputError(f"the regressor {path} cannot be read ({error}): get the file again") from None
    except DAMAGE as error:
        raise BadInputError(f"the regressor {path} is damaged ({error}): get the file again") from None
    if isinstance(found, dict):
        found = next((found[key] for key in KEYS if key in found), None)
    dense: Any = found.toarray() if found is not None and hasattr(found, "toarray") else found
    try:
        return np.asarray(dense, np.float64)
    except (TypeError, ValueError):
        raise BadInputError(f"the regressor {path} holds no matrix under {', '.join(KEYS)}: check the file") from None
