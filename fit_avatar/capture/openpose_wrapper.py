"""OpenPose as a detector, through the Python module of the user's own build (pyopenpose)."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.points import NUM_POINTS, People, join_parts
from fit_avatar.errors import MissingDependencyError

MODELS_VARIABLE = "OPENPOSE_MODELS"
"""Environment variable with the path of OpenPose's models folder, needed if that is not above the module."""
NAMES = ("pyopenpose", "openpose.pyopenpose")
"""The module's name in the build folder and after ``make install``."""


class OpenPoseDetector:
    """Finds everybody's body (BODY_25), face and hands; use it as a context manager.

    Raises:
        MissingDependencyError: there is no pyopenpose, or no models folder.
    """

    def __init__(self, model_folder: Path | None = None) -> None:
        """Start OpenPose; ``model_folder`` defaults to ``OPENPOSE_MODELS`` or a folder above the module."""
        self._module = _import()
        folder = model_folder or _find_models(self._module)
        self._wrapper: Any = self._module.WrapperPython()
        self._wrapper.configure(
            {"model_folder": str(folder), "model_pose": "BODY_25", "face": True, "hand": True, "logging_level": 4}
        )
        self._wrapper.start()

    def __enter__(self) -> OpenPoseDetector:
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self._wrapper, "stop"):
            self._wrapper.stop()

    def detect(self, frame: NDArray[np.uint8]) -> People:
        """Return everybody in a BGR frame [H, W, 3]. [P, 137, 3]"""
        datum: Any = self._module.Datum()
        datum.cvInputData = np.ascontiguousarray(frame)
        # Versions since 1.7 take a vector of their own type, older ones a list.
        vector = getattr(self._module, "VectorDatum", list)
        self._wrapper.emplaceAndPop(vector([datum]))
        bodies = _array(datum.poseKeypoints, 25)
        count = len(bodies)
        faces = _array(datum.faceKeypoints, 70, count)
        hands = datum.handKeypoints if datum.handKeypoints is not None else ()
        left, right = (_array(hand, 21, count) for hand in (*hands, None, None)[:2])
        people = [join_parts(*parts) for parts in zip(bodies, faces, left, right, strict=True)]
        out = np.array(people, np.float32).reshape(-1, NUM_POINTS, 3)
        out[..., 2] = np.clip(out[..., 2], 0.0, 1.0)
        return out


def _array(values: Any, points: int, people: int | None = None) -> NDArray[np.float32]:
    """Return OpenPose's array [P, points, 3]; where it found nothing (None, or a single number), unseen points."""
    array = np.zeros(0, np.float32) if values is None else np.asarray(values, np.float32)
    if array.ndim == 3 and array.shape[1:] == (points, 3) and people in (None, len(array)):
        return array
    return np.zeros((people or 0, points, 3), np.float32)


def _import() -> ModuleType:
    problems = []
    for name in NAMES:
        try:
            return importlib.import_module(name)
        except ImportError as error:
            problems.append(str(error))
    raise MissingDependencyError(
        f"the detector openpose needs OpenPose's Python module pyopenpose ({'; '.join(problems)}): build OpenPose with "
        "BUILD_PYTHON=ON and put its folder build/python on PYTHONPATH, or give OpenPose's JSON with --keypoints"
    )


def _find_models(module: ModuleType) -> Path:
    given = os.environ.get(MODELS_VARIABLE)
    above = Path(module.__file__).resolve().parents if module.__file__ else ()
    for folder in [Path(given)] if given else [parent / "models" for parent in above]:
        if (folder / "pose").is_dir():
            return folder
    where = given or "above the module pyopenpose"
    raise MissingDependencyError(
        f"OpenPose's models are not found ({where}): set {MODELS_VARIABLE} to its models folder, which holds pose, "
        "face and hand"
    )
