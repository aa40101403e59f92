"""Read poses that other programs computed; a file is recognised by what it holds, not by its name."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch

from fit_avatar.capture.others.given_poses import GivenPoses
from fit_avatar.capture.others.layouts import poses_in
from fit_avatar.capture.others.tracks import people_of
from fit_avatar.errors import BadInputError, FitAvatarError
from fit_avatar.io.files import read_json, require_path
from fit_avatar.io.fingerprint import FOLDER_LEVELS
from fit_avatar.io.joblib_pickle import MAX_BYTES, load_object_npy, load_object_npz, load_results

KNOWN = "VIBE, PARE, 4D-Humans (PHALP), WHAM, GVHMR, TRAM, ROMP, EasyMocap, SMPLify-X, InstantAvatar, AMASS"


NPY = b"\x93NUMPY"
"""How an .npy file begins."""


def read_poses(path: Path) -> tuple[GivenPoses, ...]:
    """Return the people in a result, those who are seen in most frames first; there is one at least.

    Args:
        path: a file, or a folder with one file for each frame.

    Raises:
        BadInputError: it cannot be read, or holds nobody.
    """
    require_path(path, "file of poses", f"give a result of {KNOWN}")
    try:
        return people_of(path, *poses_in(_folder(path) if path.is_dir() else _content(path)))
    except BadInputError as error:
        told = str(error)
        raise BadInputError(told if str(path) in told else f"{path} {told}") from None
    except FitAvatarError:
        raise
    except Exception as error:  # a damaged file can raise anything
        reason = " ".join(str(error).split())[:120]
        raise BadInputError(
            f"{path} is not a complete result of {KNOWN} ({type(error).__name__}: {reason}): write the file again"
        ) from None


def _content(path: Path) -> Any:
    if path.suffix.lower() == ".json":
        return {path.name: read_json(path, "file of poses")}
    with path.open("rb") as file:
        start = file.read(6)
    if start[:2] == b"PK":
        with zipfile.ZipFile(path) as archive:
            is_torch = any(name.endswith("data.pkl") for name in archive.namelist())
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_BYTES:
            raise BadInputError(f"unpacks to {unpacked >> 20} MB, more than any file of poses: write the file again")
        return _torch(path) if is_torch else load_object_npz(path)
    return load_object_npy(path) if start == NPY else load_results(path)


def _torch(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # a damaged or hostile file can raise anything
        raise BadInputError("is damaged or wants to run what is not data: it was not read") from None


def _folder(path: Path) -> Any:
    files = sorted(file for level in FOLDER_LEVELS for kind in (".json", ".pkl") for file in path.glob(level + kind))
    if not files:
        raise BadInputError("has no .json or .pkl files: give the folder with one file for each frame")
    # SMPLify-X: results/FRAME/PERSON.pkl
    return {
        (file.parent.name if file.suffix == ".pkl" else file.name): (
            load_results(file) if file.suffix == ".pkl" else read_json(file, "file of poses")
        )
        for file in reversed(files)  # the first person of a frame stays
    }
