from __future__ import annotations

import builtins
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cardboard import HEIGHT, WIDTH, frame, person, write_video

from fit_avatar.body.keypoint_sets import COCO_18_IN_BODY_25
from fit_avatar.capture import load_camera, load_keypoints, load_people_snapshot, observe
from fit_avatar.capture.masks import GivenMasks
from fit_avatar.capture.points import BODY
from fit_avatar.errors import BadInputError, MissingDependencyError

SHIFTS = [float(s) for s in range(-12, 12, 2)]
CAMERA: dict[str, Any] = {
    "camera_f": np.array([150, 151]), "camera_c": np.array([47.0, 63.0]), "camera_k": np.zeros(5),
    "camera_t": np.zeros(3), "camera_rt": np.zeros(3), "width": WIDTH, "height": HEIGHT,
}  # fmt: skip


def write_hdf5(path: Path, name: str, data: np.ndarray) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.create_dataset(name, data=data)
    return path


def write_camera(path: Path, **changes: Any) -> Path:
    data = {name: value for name, value in {**CAMERA, **changes}.items() if value is not ...}
    path.write_bytes(pickle.dumps(data, protocol=2))
    return path


def keypoint_rows() -> np.ndarray:
    return np.stack([person(s)[1][list(COCO_18_IN_BODY_25)].ravel() for s in SHIFTS])


def mask_frames() -> np.ndarray:
    return np.stack([person(s)[0] for s in SHIFTS])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_hdf5(tmp_path / "keypoints.hdf5", "keypoints", keypoint_rows())
    write_hdf5(tmp_path / "masks.hdf5", "masks", mask_frames().astype(np.int8))
    write_camera(tmp_path / "camera.pkl")
    return tmp_path


def test_a_folder(folder: Path) -> None:
    snapshot = load_people_snapshot(folder)
    assert snapshot.frame_count == len(SHIFTS) and snapshot.warnings == ()
    assert (snapshot.camera.fx, snapshot.camera.fy) == (150, 151)
    assert (snapshot.camera.cx, snapshot.camera.cy) == (47, 63)  # as it is
    known = list(COCO_18_IN_BODY_25)
    assert np.allclose(snapshot.keypoints[3][0, known], person(SHIFTS[3])[1][known])
    assert (snapshot.keypoints[3][0, 19:] == 0).all()
    assert (snapshot.masks.read([5])[5] == person(SHIFTS[5])[0]).all()


def test_each_file_plugs_into_observe(folder: Path) -> None:
    clip = write_video(folder / "clip.mp4", [frame(s) for s in SHIFTS])
    camera, _ = load_camera(folder / "camera.pkl", WIDTH, HEIGHT)
    capture = observe(clip, camera=camera, keypoints=folder / "keypoints.hdf5", masks=folder / "masks.hdf5")
    assert capture.masks.shape == (12, HEIGHT, WIDTH)
    assert np.allclose(capture.keypoints[4, :8], person(SHIFTS[4])[1][:8], atol=1e-3)
    assert capture.face is None and capture.hands is None
    assert capture.sources["masks"].endswith("masks.hdf5")


@pytest.mark.parametrize("kind", ["bool", "ones", "bytes", "signed bytes", "floats"])
def test_every_way_to_keep_masks(tmp_path: Path, kind: str) -> None:
    masks = mask_frames()
    masks[0] = False  # the way they are kept must be found in spite of an empty first frame
    grey = masks * np.uint8(255)
    grey[1, :4, :4] = 100  # not brighter than the threshold
    stored = {
        "bool": masks,
        "ones": masks.astype(np.uint8),
        "bytes": grey,
        "signed bytes": (masks * np.uint8(255)).view(np.int8),
        "floats": np.where(masks, 0.9, 0.1),
    }[kind]
    path = write_hdf5(tmp_path / "m.h5", "masks", stored)
    read = GivenMasks(path, WIDTH, HEIGHT, len(SHIFTS)).read([0, 1, 7])
    assert list(read) == [0, 1, 7] and read[1].dtype == bool
    assert all((read[i] == masks[i]).all() for i in read)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("points", keypoint_rows(), "has no dataset 'keypoints' but points: give People-Snapshot's keypoints.hdf5"),
        ("keypoints", np.zeros((4, 50)), r"holds 50 numbers for a body: there must be 54 \(18 × 3\) or 75"),
        ("keypoints", np.full((4, 54), np.nan), "not a finite number"),
        ("keypoints", np.zeros(54), r"have the shape \(54,\)"),
        ("keypoints", np.zeros((0, 54)), r"have the shape \(0, 54\)"),
    ],
)
def test_broken_keypoints(tmp_path: Path, name: str, data: np.ndarray, message: str) -> None:
    with pytest.raises(BadInputError, match=message) as caught:
        load_keypoints(write_hdf5(tmp_path / "k.hdf5", name, data))
    assert "k.hdf5" in str(caught.value)


def test_broken_masks(tmp_path: Path) -> None:
    path = tmp_path / "m.hdf5"
    with pytest.raises(BadInputError, match="has no dataset 'masks' but silhouettes"):
        GivenMasks(write_hdf5(path, "silhouettes", mask_frames()), WIDTH, HEIGHT, 12)
    with pytest.raises(BadInputError, match=r"have the shape \(12, 96\)"):
        GivenMasks(write_hdf5(path, "masks", np.zeros((12, 96))), WIDTH, HEIGHT, 12)
    write_hdf5(path, "masks", mask_frames())
    with pytest.raises(BadInputError, match=r"holds 12 masks .* but the video has 40 frames"):
        GivenMasks(path, WIDTH, HEIGHT, 40)
    with pytest.raises(BadInputError, match="has 96 × 128 pixels but the picture has 128 × 96"):
        GivenMasks(path, HEIGHT, WIDTH, 12)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(BadInputError, match="is not a readable HDF5 file"):
        GivenMasks(path, WIDTH, HEIGHT, 12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"camera_f": ...}, "lacks camera_f"),
        ({"camera_f": np.zeros(3)}, "camera_f must be 2 numbers"),
        ({"camera_c": "middle"}, "camera_c must be 2 numbers"),
        ({"width": ...}, "lacks width"),
        ({"camera_f": np.array([np.nan, 1])}, "fx must be a number in pixels"),
        ({"camera_f": np.array([4.2, 4.2])}, "too short"),
        ({"camera_k": np.zeros(3)}, "camera_k must be 5 numbers"),
    ],
)
def test_broken_camera(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInputError, match=message) as caught:
        load_camera(write_camera(tmp_path / "camera.pkl", **changes), WIDTH, HEIGHT)
    assert "camera.pkl" in str(caught.value)


def test_a_camera_is_read_and_never_run(tmp_path: Path) -> None:
    (tmp_path / "camera.pkl").write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR.")
    with pytest.raises(BadInputError, match=r"camera\.pkl"):
        load_camera(tmp_path / "camera.pkl", WIDTH, HEIGHT)
    assert not (tmp_path / "ran").exists()
    (tmp_path / "camera.pkl").write_bytes(pickle.dumps([1], protocol=2))
    with pytest.raises(BadInputError, match="must hold one dictionary"):
        load_camera(tmp_path / "camera.pkl", WIDTH, HEIGHT)


def test_a_camera_without_distortion_from_python_2(tmp_path: Path) -> None:
    bytes_keys = {name.encode(): value for name, value in CAMERA.items() if name != "camera_k"}
    (tmp_path / "camera.pkl").write_bytes(pickle.dumps(bytes_keys, protocol=2))
    camera, _ = load_camera(tmp_path / "camera.pkl", WIDTH, HEIGHT)
    assert camera.k == (0.0,) * 5 and camera.fx == 150


def test_files_of_different_clips(folder: Path) -> None:
    write_hdf5(folder / "keypoints.hdf5", "keypoints", keypoint_rows()[:5])
    with pytest.raises(BadInputError, match="keypoints for 5 frames but masks for 12"):
        load_people_snapshot(folder)
    (folder / "masks.hdf5").unlink()
    with pytest.raises(BadInputError, match=r"^there is no file .*masks\.hdf5: check the path$"):
        load_people_snapshot(folder)
    with pytest.raises(BadInputError, match=r"^there is no folder .*none: check the path$"):
        load_people_snapshot(folder / "none")


def test_h5py_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def fail(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "h5py":
            raise ModuleNotFoundError("No module named 'h5py'")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", fail)
    for read in (lambda: load_keypoints(folder / "keypoints.hdf5"), lambda: load_people_snapshot(folder)):
        with pytest.raises(MissingDependencyError, match=r"h5py .*: .*pip install h5py"):
            read()


def test_body_25_may_be_kept_too(tmp_path: Path) -> None:
    rows = np.stack([person(s)[1] for s in SHIFTS])
    people = load_keypoints(write_hdf5(tmp_path / "k.hdf5", "keypoints", rows.reshape(12, 75)), 12)
    assert np.allclose(people[2][0, BODY], rows[2])
