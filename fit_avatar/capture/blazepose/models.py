"""The model files that the package carries, and the interpreter that runs them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.errors import MissingDependencyError
from fit_avatar.io.optional import detector_remedy

FOLDER = Path(__file__).parent / "models"


@dataclass(frozen=True)
class ModelFile:
    """A model file of MediaPipe 0.10.21, unchanged; all are Apache-2.0 (see ``LICENSE`` and ``NOTICE`` beside them)."""

    name: str
    """Of the file in :data:`FOLDER`."""
    source: str
    """Its path in the wheel mediapipe==0.10.21."""
    size: int
    """In bytes."""
    sha256: str

    @property
    def path(self) -> Path:
        """Return where the file lies."""
        return FOLDER / self.name


PERSON_DETECTOR = ModelFile(
    "pose_detection.tflite",
    "mediapipe/modules/pose_detection/pose_detection.tflite",
    2_959_046,
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
)
POSE_LANDMARKS = ModelFile(
    "pose_landmark_full.tflite",
    "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    6_440_512,
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
)
MODEL_FILES = (PERSON_DETECTOR, POSE_LANDMARKS)


class Model:
    """A model, ready to run on one thread.

    Raises:
        MissingDependencyError: LiteRT is not installed or does not load, or the file is no model.
    """

    def __init__(self, path: Path) -> None:
        """Load a model file."""
        with quiet_stderr():
            self._interpreter: Any = _interpreter(path)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [output["index"] for output in self._interpreter.get_output_details()]

    def __call__(self, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run the model on one picture [S, S, 3] and return its outputs, each with a batch of one."""
        self._interpreter.set_tensor(self._input, picture[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def _interpreter(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"the default detector needs the package ai-edge-litert, which does not load ({error}): {detector_remedy()}"
        ) from None
    try:
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError):
        raise MissingDependencyError(
            f"the model file {path} is missing or damaged: install fit-avatar again, or give --keypoints and --masks"
        ) from None
    return interpreter


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what C++ code writes to the terminal while models load."""
    try:
        saved = os.dup(2)
    except OSError:
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)
