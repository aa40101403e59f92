"""RTMPose's whole-body models as a detector, through the package rtmlib (ONNX), which a user may install."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.coco_wholebody import from_coco_wholebody
from fit_avatar.capture.points import NUM_POINTS, People
from fit_avatar.errors import MissingDependencyError

NUM_BODY = 17
"""The first of COCO-WholeBody's points are COCO's."""
MIN_MEDIAN_SCORE = 0.3
"""A body with a lower median score is not there: where rtmlib finds nobody, it takes the whole picture for a person.
Chosen by hand."""


class RtmlibDetector:
    """Finds everybody's body, feet, face and hands; use it as a context manager.

    On its first use rtmlib downloads the models' weights to its own cache.

    Raises:
        MissingDependencyError: rtmlib or onnxruntime is not installed, or the weights cannot be downloaded.
    """

    def __init__(self, mode: str = "balanced", device: str = "cpu") -> None:
        """Load the models; ``mode`` is rtmlib's ``lightweight``, ``balanced`` or ``performance``."""
        # Not with rtmlib's own dependencies: its opencv-python would overwrite the opencv-python-headless used here.
        try:
            module: Any = importlib.import_module("rtmlib")
            self._wholebody: Any = module.Wholebody(mode=mode, to_openpose=False, backend="onnxruntime", device=device)
        except ImportError as error:
            raise MissingDependencyError(
                f"the detector rtmlib needs the packages rtmlib, onnxruntime and tqdm ({error}): install them with "
                "pip install onnxruntime tqdm and pip install --no-deps rtmlib, or choose another detector"
            ) from None
        except (OSError, RuntimeError) as error:  # no network, or a damaged file
            raise MissingDependencyError(
                f"rtmlib cannot get its models ({error}): run it once with internet access, or choose another detector"
            ) from None

    def __enter__(self) -> RtmlibDetector:
        return self

    def __exit__(self, *_: object) -> None:
        self._wholebody = None  # frees the models

    def detect(self, frame: NDArray[np.uint8]) -> People:
        """Return everybody in a BGR frame [H, W, 3]. [P, 137, 3]"""
        keypoints, scores = self._wholebody(frame)
        points = np.concatenate([keypoints, np.asarray(scores)[..., None]], axis=-1).astype(np.float32)
        found = [from_coco_wholebody(p) for p in points if np.median(p[:NUM_BODY, 2]) >= MIN_MEDIAN_SCORE]
        return np.array(found, np.float32).reshape(-1, NUM_POINTS, 3)
