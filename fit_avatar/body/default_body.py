"""The default body, which comes with the package: with SMPL's 24 joints, or with fingers, and shapes of the face.

``tools/build_body.py`` makes the file. Nothing in it is rounded: arrays are stored without what follows from the rest,
which are zeros, the right half of what is symmetric, and whatever both skeletons share.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.errors import BadInputError

DEFAULT = "anny"
WITH_HANDS = "anny-hands"
NAMES = (DEFAULT, WITH_HANDS)
"""Names of the bodies that need no file."""
MAX_BETAS = 16
"""Shape coefficients of the default body, at most: later components are hardly more than noise of the samples."""
FEW_BETAS = 10
"""With up to so many shape coefficients, the regressor of the keypoints is one that is exact on these alone: it has
smaller weights, so it moves less when it is applied to posed vertices."""
FILE = Path(__file__).with_name("data") / "anny.npz"

Arrays = Mapping[str, NDArray[Any]]

_SHAPE_BASES = ("shape_basis", "joint_basis")
_FACE = "face"
_FEW = "keypoint_regressor_of_few_betas"
_MIRRORED = ("template", "shape_basis")
_SPARSE = 0.5
"""Arrays with a smaller share of values other than zero are stored as positions and values."""


@dataclass(frozen=True, eq=False)
class FaceShapes:
    """Shapes of the default body's face, named as the blend shapes of ARKit."""

    names: tuple[str, ...]  # N names: browDownLeft, …
    offsets: Tensor  # [N, V, 3] added to the template for an activation of one, metres


def read_default(name: str = DEFAULT, num_betas: int = MAX_BETAS) -> Body:
    """Return one of the default bodies with its first shape coefficients.

    Raises:
        BadInputError: the body has not so many of them, or the file is missing or damaged.
    """
    if not 1 <= num_betas <= MAX_BETAS:
        raise BadInputError(f"num_betas is {num_betas}, but the body has between 1 and {MAX_BETAS} shape coefficients")
    arrays = _read(name)
    few = arrays.pop(_FEW)
    if num_betas <= FEW_BETAS:
        arrays["keypoint_regressor"] = few
    for basis in _SHAPE_BASES:
        arrays[basis] = np.ascontiguousarray(arrays[basis][..., :num_betas])
    return Body.from_arrays(arrays)


def face_shapes() -> FaceShapes:
    """Return the shapes of the face, for either of the default bodies.

    Raises:
        BadInputError: the file is missing or damaged.
    """
    arrays = _read(_FACE)
    return FaceShapes(tuple(str(name) for name in arrays["names"]), torch.from_numpy(arrays["offsets"]))


def pack(bodies: Sequence[Body], of_few_betas: Sequence[Body], shapes: FaceShapes) -> dict[str, NDArray[Any]]:
    """Return bodies and shapes as the arrays of one file; what the bodies share is there once.

    Args:
        bodies: with all shape coefficients.
        of_few_betas: the same bodies built with ``FEW_BETAS``.
        shapes: of the face.
    """
    every = [
        body.arrays() | {_FEW: few.keypoint_regressor.numpy()} for body, few in zip(bodies, of_few_betas, strict=True)
    ]
    first, *others = every
    shared = {name for name in first if all(name in o and np.array_equal(first[name], o[name]) for o in others)}
    packed = {}
    for body, arrays in zip(bodies, every, strict=True):
        for key, part in _packed(arrays):
            packed[key if key.partition(".")[0] in shared else f"{body.name}/{key}"] = part
    for key, part in _packed({"names": np.array(shapes.names), "offsets": shapes.offsets.numpy()}):
        packed[f"{_FACE}/{key}"] = part
    return packed


def _read(group: str) -> dict[str, NDArray[Any]]:
    """Return what belongs to a body or to the face, and what all share."""
    try:
        with np.load(FILE, allow_pickle=False) as z:
            keys = [key for key in z.files if "/" not in key or key.startswith(f"{group}/")]
            return _unpacked({key.removeprefix(f"{group}/"): z[key] for key in keys})
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInputError(
            f"the default body {FILE} is missing or damaged ({error}): install fit-avatar again"
        ) from error


def _packed(arrays: Arrays) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the parts in which arrays are stored, by names such as ``lbs_weights.values``."""
    mirror = arrays.get("mirror")
    for name, array in arrays.items():
        if (
            name in _MIRRORED
            and mirror is not None
            and np.array_equal(array, _both_sides(array[_left(mirror)], mirror))
        ):
            yield f"{name}.left", array[_left(mirror)]
        elif array.dtype.kind == "f" and np.count_nonzero(array) < _SPARSE * array.size:
            at = np.flatnonzero(array)
            yield f"{name}.shape", np.array(array.shape)
            yield f"{name}.steps", _narrow(np.diff(at, prepend=0))
            yield f"{name}.values", array.reshape(-1)[at]
        else:
            yield name, _narrow(array) if array.dtype.kind == "i" else array


def _unpacked(packed: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays from their parts."""
    arrays = {}
    for key, part in packed.items():
        name, _, kind = key.partition(".")
        if kind == "left":
            arrays[name] = _both_sides(part, packed["mirror"])
        elif kind == "values":
            dense = np.zeros(packed[f"{name}.shape"], part.dtype)
            dense.reshape(-1)[np.cumsum(packed[f"{name}.steps"], dtype=np.int64)] = part
            arrays[name] = dense
        elif not kind:
            arrays[name] = part.astype(np.int64) if part.dtype.kind in "iu" else part
    return arrays


def _is_symmetric(array: NDArray[Any], mirror: NDArray[np.int64]) -> bool:
    """Return whether vertices [V, 3, …] are exactly those of their left half and its mirror image."""
    return np.array_equal(array, _both_sides(array[_left(mirror)], mirror))


def _left(mirror: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one vertex of each pair that mirror each other, and those of the middle. [H]"""
    return np.flatnonzero(mirror >= np.arange(len(mirror)))


def _both_sides(left: NDArray[Any], mirror: NDArray[Any]) -> NDArray[Any]:
    """Complete vertices [H, 3, …] by their mirror images. [V, 3, …]"""
    flip = np.array([-1, 1, 1], left.dtype).reshape(3, *(1,) * (left.ndim - 2))
    whole = np.empty((len(mirror), *left.shape[1:]), left.dtype)
    whole[mirror[_left(mirror)]] = left * flip
    whole[_left(mirror)] = left
    return whole


def _narrow(array: NDArray[Any]) -> NDArray[Any]:
    """Return integers in the smallest type that holds them."""
    if not array.size:
        return array
    return array.astype(np.result_type(np.min_scalar_type(array.min()), np.min_scalar_type(array.max())))
