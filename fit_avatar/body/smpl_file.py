"""Reading and checking the arrays in a model file of the SMPL family: .npz, or the old .pkl of Python 2."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fit_avatar.body.joints import SMPLH_JOINTS, SMPLX_JOINTS
from fit_avatar.body.model import SMPL_JOINTS
from fit_avatar.errors import BadInputError
from fit_avatar.io.arrays import ArraysError, read_npz, shape_fault
from fit_avatar.io.files import require_file
from fit_avatar.io.kinds import LFS, PICKLE, TEXT, WEB_PAGE, ZIPPED, kind_of, misfit
from fit_avatar.io.safe_pickle import load_pickle

Array = NDArray[Any]

KINDS = {24: ("SMPL", SMPL_JOINTS), 52: ("SMPL-H", SMPLH_JOINTS), 55: ("SMPL-X", SMPLX_JOINTS)}
"""Name and joints of each kind of body, told apart by the number of joints."""

REQUIRED = ("v_template", "f", "shapedirs", "J_regressor", "posedirs", "weights", "kintree_table")
HANDS = ("hands_componentsl", "hands_componentsr", "hands_meanl", "hands_meanr")
"""Only SMPL-H and SMPL-X; AMASS's SMPL-H and the locked-head SMPL-X have none: full rotations need none."""
OTHERS = {
    16: "MANO, a model of one hand",
    5: "FLAME, a model of the head",
    33: "SMAL, a model of animals",
    35: "SMAL, a model of animals",
}
"""What other models of the same family are, by their numbers of joints."""
STAR_POSEDIRS = 93
"""STAR's pose-dependent shape has this many columns: 4 for each of 23 joints, and the body-mass term."""
MODELS = "give the model file of SMPL, SMPL-H or SMPL-X"
MOTION = ("pose", "trans", "orient", "betas", "smpl", "rotation")
"""Parts of the names that arrays have in files of motions and of fits."""
OPTIONAL = ("vt", "ft", "lmk_faces_idx", "lmk_bary_coords")


MAX_DENSE = 100_000_000
"""Elements of the largest matrix that is made dense: those of body models are smaller, but a damaged file may claim any
size."""


@dataclass(frozen=True)
class ModelFile:
    """The arrays of a model file by their official keys; their shapes and values are consistent."""

    path: Path
    kind: str  # SMPL, SMPL-H or SMPL-X
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    arrays: dict[str, Array]

    def __getitem__(self, key: str) -> Array:
        return self.arrays[key]

    def __contains__(self, key: str) -> bool:
        return key in self.arrays


def read_model_file(path: Path) -> ModelFile:
    """Read and check a model file.

    Raises:
        BadInputError: it cannot be read, is not a model, or its arrays do not fit together.
    """
    arrays = read_arrays(path, (*REQUIRED, *HANDS, *OPTIONAL))
    if not any(key in arrays for key in ("v_template", "shapedirs", "kintree_table")):
        raise BadInputError(_no_model(path, read_arrays(path)))
    _require(path, arrays, REQUIRED)
    tree = arrays["kintree_table"]
    if tree.ndim != 2 or tree.shape[0] != 2 or tree.dtype.kind not in "iuf":
        raise BadInputError(f"{path} has a kintree_table of shape {list(tree.shape)} where [2, joints] is expected")
    if arrays["posedirs"].ndim == 3 and arrays["posedirs"].shape[2] == STAR_POSEDIRS:
        raise BadInputError(
            f"{path} is a STAR model, whose pose-dependent shape is computed in another way: give a file of SMPL, "
            "SMPL-H or SMPL-X"
        )
    if tree.shape[1] not in KINDS:
        what = f" (it is {OTHERS[tree.shape[1]]})" if tree.shape[1] in OTHERS else ""
        raise BadInputError(
            f"{path} has {tree.shape[1]} joints, but only SMPL (24), SMPL-H (52) and SMPL-X (55) can be fitted{what}: "
            "give a file of one of those"
        )
    kind, names = KINDS[tree.shape[1]]
    _check(path, arrays, len(names))
    parents = (-1, *(int(parent) for parent in np.nan_to_num(tree[0, 1:], nan=-1).astype(np.int64)))
    if any(not 0 <= parent < j for j, parent in enumerate(parents[1:], start=1)):
        raise BadInputError(f"{path} has a kintree_table in which a joint comes before its parent: get the file again")
    return ModelFile(path, kind, names, parents, arrays)


def read_arrays(path: Path, keys: Iterable[str] | None = None) -> dict[str, Array]:
    """Return the arrays of numbers or text in an .npz or .pkl file; anything else in it is left out.

    Sparse matrices become dense ones. ``keys``: only these, where the file has them.

    Raises:
        BadInputError: the file cannot be read.
    """
    require_file(path, "body", "give the path of a model file of SMPL, SMPL-H or SMPL-X")
    _refuse_stand_ins(path)
    try:
        if zipfile.is_zipfile(path):
            return dict(_plain(read_npz(path, None if keys is None else tuple(keys)).items()))
    except ArraysError as error:
        raise BadInputError(f"{path} cannot be read ({error}): get the file again") from None
    if path.suffix == ".npz":
        if kind_of(path) in ("", ZIPPED[".npz"]):
            raise BadInputError(f"{path} is damaged or not an .npz file: get the file again")
        raise BadInputError(misfit(path, "a file of arrays", MODELS))
    if (kind := kind_of(path)) and kind not in (PICKLE, TEXT):  # the oldest pickles are text
        raise BadInputError(misfit(path, "a body model", MODELS))
    content = load_pickle(path)
    if not isinstance(content, dict):
        raise BadInputError(f"{path} holds a {type(content).__name__}, which is no body model: {MODELS}")
    return dict(_plain((key, value) for key, value in content.items() if keys is None or key in keys))


def _refuse_stand_ins(path: Path) -> None:
    """Refuse what is often saved in a model's place: a pointer of Git LFS, or a page that asks for a login."""
    kind = kind_of(path)
    if kind == LFS:
        raise BadInputError(f"{path} is a pointer of Git LFS, not the file itself: run git lfs pull in its folder")
    if kind == WEB_PAGE:
        raise BadInputError(
            f"{path} is a web page, not a model: log in at the model's site with a browser and download the file"
        )


def _no_model(path: Path, arrays: dict[str, Array]) -> str:
    """Return a sentence about a file of arrays that are not those of a model."""
    if not arrays:
        return f"{path} is not a body model, for it holds no arrays of numbers: {MODELS}"
    held = ", ".join(sorted(arrays)[:6])
    motion = any(any(word in name.lower() for word in MOTION) for name in arrays)
    what = "poses of a body (a motion, or the result of a fit)" if motion else "something else"
    return f"{path} is not a body model but holds {what} ({held}): {MODELS}"


def _plain(items: Iterable[tuple[Any, Any]]) -> Iterable[tuple[str, Array]]:
    for key, value in items:
        if sparse.issparse(value) and math.prod(value.shape) <= MAX_DENSE:
            yield str(key), value.toarray()
        elif isinstance(value, (str, bool, int, float, np.generic, np.ndarray)):
            array = np.asarray(value)
            if array.dtype.kind in "biufUS":
                yield str(key), array


def _require(path: Path, arrays: dict[str, Array], keys: Iterable[str]) -> None:
    for key in keys:
        if key not in arrays:
            held = ", ".join(name for name in REQUIRED if name in arrays)
            raise BadInputError(
                f"{path} holds {held} but no {key}, which a body model needs: get the file again from the model's site"
            )


def _check(path: Path, arrays: dict[str, Array], joints: int) -> None:
    """Check shapes and values."""
    fault = shape_fault(
        arrays,
        {
            "v_template": ("V", 3), "shapedirs": ("V", 3, "*"), "J_regressor": (joints, "V"),
            "posedirs": ("V", 3, 9 * (joints - 1)), "weights": ("V", joints), "f": ("F", 3),
            "hands_componentsl": ("*", 45), "hands_componentsr": ("*", 45), "hands_meanl": (45,), "hands_meanr": (45,),
            "vt": ("*", 2), "ft": ("F", 3), "lmk_faces_idx": ("*",), "lmk_bary_coords": ("*", 3),
        },
    )  # fmt: skip
    if fault is not None:
        raise BadInputError(f"{path} has {fault}: get the file again")
    if not len(arrays["f"]):
        raise BadInputError(f"{path} has no triangles: get the file again")
    vertices = len(arrays["v_template"])
    corners = {"f": vertices, "ft": len(arrays.get("vt", ())), "lmk_faces_idx": len(arrays["f"])}
    for key, count in corners.items():
        if key in arrays and arrays[key].size and not 0 <= arrays[key].min() <= arrays[key].max() < count:
            raise BadInputError(f"{path} has indices in {key} that point outside of the mesh: get the file again")
    if arrays["weights"].min() < 0 or np.abs(arrays["weights"].sum(axis=1) - 1).max() > 1e-2:
        raise BadInputError(f"{path} has weights that do not sum to 1 at every vertex: get the file again")
