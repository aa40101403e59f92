"""The optional detectors, with stand-ins for the packages that a user would install."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cardboard import HEIGHT, WIDTH, frame, person, write_masks, write_video

from fit_avatar.capture import camera_from, make_detector, observe
from fit_avatar.capture.detectors import DETECTORS
from fit_avatar.capture.openpose_wrapper import OpenPoseDetector
from fit_avatar.capture.points import BODY, FACE, LEFT_HAND, RIGHT_HAND
from fit_avatar.capture.rtmlib_pose import RtmlibDetector
from fit_avatar.errors import BadInputError, MissingDependencyError

PICTURE = np.zeros((32, 32, 3), np.uint8)


class FakeOpenPose(ModuleType):
    """Two people in every bright picture, nobody in a dark one."""

    def __init__(self, folder: Path, old: bool = False) -> None:
        super().__init__("pyopenpose")
        (folder / "models" / "pose").mkdir(parents=True, exist_ok=True)
        self.__file__ = str(folder / "build" / "python" / "pyopenpose.so")
        self.calls: list[str] = []
        self.options: dict[str, Any] = {}
        self.old = old
        if not old:
            self.VectorDatum = tuple

    def Datum(self) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(cvInputData=None, poseKeypoints=None, faceKeypoints=None, handKeypoints=None)

    def WrapperPython(self) -> FakeOpenPose:  # noqa: N802
        return self

    def configure(self, options: dict[str, Any]) -> None:
        self.options = options

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

    def emplaceAndPop(self, data: Any) -> None:  # noqa: N802
        assert isinstance(data, list if self.old else tuple)
        (datum,) = data
        if not datum.cvInputData.any():
            if self.old:  # an empty array of old versions
                datum.poseKeypoints = np.array(0.0, np.float32)
                datum.faceKeypoints, datum.handKeypoints = np.array(0.0), [np.array(0.0), np.array(0.0)]
            return
        numbers = np.arange(2 * 70 * 3, dtype=np.float32).reshape(2, 70, 3)
        datum.poseKeypoints, datum.faceKeypoints = numbers[:, :25], numbers
        datum.handKeypoints = [numbers[:, :21] + 1, numbers[:, :21] + 2]


@pytest.mark.parametrize("old", [False, True])
def test_openpose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool) -> None:
    module = FakeOpenPose(tmp_path, old)
    monkeypatch.setitem(sys.modules, "pyopenpose", module)
    with make_detector("openpose") as detector:
        people = detector.detect(PICTURE + 1)
        nobody = detector.detect(PICTURE)
    assert people.shape == (2, 137, 3) and nobody.shape == (0, 137, 3)
    assert people[1, BODY][0, 0] == 210 and people[1, FACE][69, 1] == 210 + 208
    assert people[0, LEFT_HAND][20, 0] == 61 and people[0, RIGHT_HAND][20, 0] == 62
    assert people[..., 2].max() == 1.0  # what OpenPose calls more than certain
    assert module.options["model_folder"] == str(tmp_path / "models")
    assert module.options["face"] is True and module.options["hand"] is True
    assert module.calls == ["start", "stop"]


def test_openpose_without_face_and_hands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = FakeOpenPose(tmp_path)

    def only_bodies(data: Any) -> None:
        data[0].poseKeypoints = np.ones((1, 25, 3), np.float32)

    monkeypatch.setattr(module, "emplaceAndPop", only_bodies)
    monkeypatch.setitem(sys.modules, "pyopenpose", module)
    (one,) = OpenPoseDetector().detect(PICTURE)
    assert (one[BODY] == 1).all() and (one[25:] == 0).all()


def test_openpose_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyopenpose", None)
    monkeypatch.setitem(sys.modules, "openpose", None)
    with pytest.raises(MissingDependencyError, match=r"^the detector openpose needs .*pyopenpose.*: build"):
        make_detector("openpose")
    module = FakeOpenPose(tmp_path / "a")
    monkeypatch.setitem(sys.modules, "pyopenpose", module)
    monkeypatch.setenv("OPENPOSE_MODELS", str(tmp_path / "elsewhere"))
    with pytest.raises(MissingDependencyError, match=r"models are not found .*elsewhere.*: set OPENPOSE_MODELS"):
        make_detector("openpose")
    (tmp_path / "elsewhere" / "pose").mkdir(parents=True)
    make_detector("openpose")
    assert module.options["model_folder"] == str(tmp_path / "elsewhere")


def fake_rtmlib(scores: tuple[float, ...]) -> ModuleType:
    """One person per score in every picture."""
    module = ModuleType("rtmlib")

    def wholebody(**options: Any) -> Any:
        assert options["to_openpose"] is False
        points = np.arange(133 * 2, dtype=np.float32).reshape(133, 2)
        return lambda picture: (np.stack([points] * len(scores)), np.array(scores)[:, None] * np.ones(133))

    module.Wholebody = wholebody  # type: ignore[attr-defined]
    return module


def test_rtmlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rtmlib", fake_rtmlib((0.8, 0.1, 3.0)))
    with make_detector("rtmlib") as detector:
        people = detector.detect(PICTURE)
    assert people.shape == (2, 137, 3)  # the unlikely one is nobody
    assert people[0, 0].tolist() == pytest.approx([0, 1, 0.8]) and people[1, 0, 2] == 1.0
    assert people[0, FACE][0, 0] == 46 and people[0, LEFT_HAND][0, 0] == 182 and people[0, RIGHT_HAND][0, 0] == 224
    assert (people[:, FACE][:, 68:, 2] == 0).all()


def test_rtmlib_finds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rtmlib", fake_rtmlib((0.05,)))
    assert RtmlibDetector().detect(PICTURE).shape == (0, 137, 3)


def test_rtmlib_is_missing_or_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rtmlib", None)
    with pytest.raises(MissingDependencyError, match=r"needs the packages rtmlib, onnxruntime and tqdm .*: install"):
        make_detector("rtmlib")
    module = ModuleType("rtmlib")

    def offline(**_: Any) -> None:
        raise ConnectionError("no route to host")

    module.Wholebody = offline  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rtmlib", module)
    with pytest.raises(MissingDependencyError, match=r"cannot get its models \(no route to host\): run it once"):
        make_detector("rtmlib")


def test_unknown_name() -> None:
    with pytest.raises(BadInputError, match=r"^there is no detector 'magic': choose one of mediapipe, openpose"):
        make_detector("magic")


def test_a_clip_by_another_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shifts = [float(s) for s in range(-12, 12, 2)]
    clip = write_video(tmp_path / "clip.mp4", [frame(s) for s in shifts])
    masks = write_masks(tmp_path / "masks", [person(s)[0] for s in shifts])
    camera, _ = camera_from(WIDTH, HEIGHT, focal_px=150)
    examined: list[int] = []

    class Finder:
        def __enter__(self) -> Finder:
            return self

        def __exit__(self, *_: object) -> None: ...

        def detect(self, picture: np.ndarray) -> np.ndarray:
            shift = round(float(np.nonzero(picture[..., 2].astype(int) - picture[..., 1] > 70)[1].mean()) - WIDTH / 2)
            examined.append(shift)
            people = np.zeros((0 if len(examined) == 3 else 1, 137, 3), np.float32)
            people[:, BODY] = person(shift)[1]
            people[:, LEFT_HAND] = people[:, RIGHT_HAND] + 1.0
            return people

    monkeypatch.setattr(sys.modules["fit_avatar.capture.observe"], "make_detector", lambda name: Finder())
    capture = observe(clip, camera=camera, masks=masks, frames=6, detector="rtmlib")
    assert len(capture.frame_indices) == 6 and len(examined) == 7  # the frame without a person has a substitute
    assert capture.face is None
    assert capture.hands is not None and capture.hands.shape == (6, 2, 21, 3) and (capture.hands[:, 0] == 1).all()
    assert capture.sources["keypoints"] == DETECTORS["rtmlib"]
    everywhere = observe(clip, camera=camera, masks=masks, detector="openpose")
    assert len(everywhere.frame_indices) == len(shifts)
