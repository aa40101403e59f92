"""The model files that the package carries, and the interpreter that runs them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.errors import BadInputError, MissingDependencyError
from fit_avatar.io.optional import detector_remedy

FOLDER = Path(__file__).parent / "models"
_ONE_AT_A_TIME = threading.Lock()
"""Who discards what is written to the terminal: two at once would not put it back."""
IDENTIFIER = b"TFL3"
"""Of TensorFlow Lite's file format, after the first four bytes."""


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
FACE_DETECTOR = ModelFile(
    "face_detection_short_range.tflite",
    "mediapipe/modules/face_detection/face_detection_short_range.tflite",
    229_714,
    "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
)
FACE_LANDMARKS = ModelFile(
    "face_landmark.tflite",
    "mediapipe/modules/face_landmark/face_landmark.tflite",
    1_242_398,
    "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
)
HAND_REGION = ModelFile(
    "hand_recrop.tflite",
    "mediapipe/modules/holistic_landmark/hand_recrop.tflite",
    123_792,
    "67d996ce96f9d36fe17d2693022c6da93168026ab2f028f9e2365398d8ac7d5d",
)
HAND_LANDMARKS = ModelFile(
    "hand_landmark_full.tflite",
    "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
    5_478_917,
    "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
)
MODEL_FILES = (PERSON_DETECTOR, POSE_LANDMARKS, FACE_DETECTOR, FACE_LANDMARKS, HAND_REGION, HAND_LANDMARKS)


class Model:
    """A model, ready to run on one thread, or on several at once: each then gets an interpreter of its own.

    Raises:
        MissingDependencyError: LiteRT is not installed or does not load, or the file is no model.
    """

    def __init__(self, path: Path) -> None:
        """Load a model file."""
        self._path = path
        first = _interpreter(path)
        self._idle: list[Any] = [first]
        self._inputs, self._outputs = first.get_input_details(), first.get_output_details()

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of the input and of the outputs, each with a batch of one."""
        return tuple(tuple(map(int, detail["shape"])) for detail in (*self._inputs, *self._outputs))

    def __call__(self, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run the model on one picture [S, S, 3] and return its outputs, each with a batch of one."""
        try:
            interpreter = self._idle.pop()
        except IndexError:  # other threads have them all
            interpreter = _interpreter(self._path)
        interpreter.set_tensor(self._inputs[0]["index"], picture[None])
        interpreter.invoke()
        values = [interpreter.get_tensor(output["index"]) for output in self._outputs]
        self._idle.append(interpreter)
        return values


def given_model(path: Path, shapes: Sequence[Sequence[int]], what: str) -> Model:
    """Load a model file of the user's.

    Args:
        path: of the file.
        shapes: of the input and of the outputs that it must have.
        what: it must be, for the message.

    Raises:
        BadInputError: it is not that model.
        MissingDependencyError: LiteRT is not installed or does not load.
    """
    _import()
    try:
        with path.open("rb") as file:
            is_model = file.read(8)[4:] == IDENTIFIER
        model = Model(path) if is_model else None
    except (OSError, MissingDependencyError):
        model = None
    if model is None or model.shapes != tuple(map(tuple, shapes)):
        raise BadInputError(f"{path} is not {what}, or it is damaged: give that file as it was published")
    return model


def _import() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"the default detector needs the package ai-edge-litert, which does not load ({error}): {detector_remedy()}"
        ) from None
    return Interpreter


def _interpreter(path: Path) -> Any:
    try:
        with quiet_stderr():
            interpreter = _import()(str(path), num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError):
        raise MissingDependencyError(
            f"the model file {path} is missing or damaged: install fit-avatar again, or give --keypoints and --masks"
        ) from None
    return interpreter


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what C++ code writes to the terminal while models load, in one thread after the other."""
    with _ONE_AT_A_TIME:
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
