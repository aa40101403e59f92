"""People-Snapshot's files, read back by the package's own readers and as other programs would read them."""

from __future__ import annotations

import builtins
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from fit_avatar.body.keypoint_sets import COCO_18_IN_BODY_25
from fit_avatar.body.model import SMPL_JOINTS, Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture import Camera, Capture, load_people_snapshot
from fit_avatar.errors import BadInputError, MissingDependencyError
from fit_avatar.export import write_people_snapshot
from fit_avatar.export.smpl_family import joint_poses


@pytest.fixture
def capture() -> Capture:
    rng = np.random.default_rng(0)
    masks = np.zeros((6, 40, 30), bool)
    masks[:, 5:35, 8:20] = rng.random((6, 30, 12)) > 0.3
    return Capture(
        frame_indices=np.array([0, 2, 4, 6, 8, 11]),
        keypoints=(rng.random((6, 25, 3)) * (30, 40, 1)).astype(np.float32),
        masks=masks,
        camera=Camera(50.0, 51.0, 14.5, 20.0, 30, 40),
        frame_weights=np.ones(6, np.float32),
    )


def test_our_own_reader_understands_it(tmp_path: Path, body: Body, state: BodyState, capture: Capture) -> None:
    pytest.importorskip("h5py")
    files = write_people_snapshot(tmp_path / "snapshot", body, state, capture)
    names = ["reconstructed_poses.hdf5", "consensus.pkl", "keypoints.hdf5", "masks.hdf5", "camera.pkl"]
    names += ["frame_indices.txt"]
    assert [file.name for file in files] == names and all(file.is_file() for file in files)
    snapshot = load_people_snapshot(tmp_path / "snapshot")
    assert snapshot.frame_count == 6 and snapshot.warnings == ()
    assert replace(snapshot.camera, source="given") == capture.camera
    masks = snapshot.masks.read(list(range(6)))
    assert all((masks[t] == capture.masks[t]).all() for t in range(6))
    known = list(COCO_18_IN_BODY_25)
    assert all(np.allclose(snapshot.keypoints[t][0, known], capture.keypoints[t, known]) for t in range(6))


def test_other_programs_understand_it(tmp_path: Path, body: Body, state: BodyState, capture: Capture) -> None:
    h5py = pytest.importorskip("h5py")
    write_people_snapshot(tmp_path, body, state, capture)
    with h5py.File(tmp_path / "reconstructed_poses.hdf5") as file:
        assert sorted(file) == ["betas", "pose", "trans"]
        assert file["pose"].shape == (6, 72) and file["trans"].shape == (6, 3) and file["betas"].shape == (10,)
        np.testing.assert_allclose(file["pose"][:, :3], state.global_orient)
        np.testing.assert_allclose(file["pose"][:, 3:], state.body_pose.reshape(6, 69))
        np.testing.assert_allclose(file["trans"], state.transl)
        np.testing.assert_allclose(file["betas"][: body.num_betas], state.betas)
        assert (file["betas"][body.num_betas :] == 0).all()
    with h5py.File(tmp_path / "masks.hdf5") as file:
        assert (np.asarray(file["masks"]) > 100 / 255).sum() == capture.masks.sum()
        assert (np.asarray(file["masks"]).astype(bool) == capture.masks).all()
    with h5py.File(tmp_path / "keypoints.hdf5") as file:
        assert file["keypoints"].shape == (6, 54)
    consensus = pickle.loads((tmp_path / "consensus.pkl").read_bytes(), encoding="latin1")
    assert sorted(consensus) == ["betas", "v_personal"]
    np.testing.assert_allclose(consensus["v_personal"], state.offsets)
    assert consensus["betas"].shape == (10,)
    camera = pickle.loads((tmp_path / "camera.pkl").read_bytes(), encoding="latin1")
    assert sorted(camera) == [
        "camera_c", "camera_f", "camera_k", "camera_rt", "camera_t", "height", "width",
    ]  # fmt: skip
    assert camera["camera_f"].tolist() == [50, 51] and camera["camera_c"].tolist() == [14.5, 20]
    for name in ("consensus.pkl", "camera.pkl"):
        assert (tmp_path / name).read_bytes()[:2] == b"\x80\x02"  # protocol 2, for Python 2


def test_a_body_with_fingers(body: Body, state: BodyState) -> None:
    fingers = ("jaw", *SMPL_JOINTS[:22], "left_index1")
    order = torch.tensor([SMPL_JOINTS.index(name) if name in SMPL_JOINTS else 23 for name in fingers])
    joints = torch.cat([state.global_orient[:, None], state.body_pose], 1)[:, order]
    # The root is the first joint of every body; here the jaw stands second.
    swapped = torch.cat([joints[:, 1:2], joints[:, :1], joints[:, 2:]], 1)
    other = replace(body, joint_names=(fingers[1], fingers[0], *fingers[2:]))
    pose = joint_poses(other, replace(state, global_orient=swapped[:, 0], body_pose=swapped[:, 1:]), SMPL_JOINTS)
    np.testing.assert_allclose(pose[:, :22], joint_poses(body, state, SMPL_JOINTS)[:, :22])
    assert (pose[:, 22:] == 0).all()


def test_more_betas_than_ten(body: Body, state: BodyState, capture: Capture, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    write_people_snapshot(tmp_path, body, replace(state, betas=torch.arange(16.0)), capture)
    with h5py.File(tmp_path / "reconstructed_poses.hdf5") as file:
        assert file["betas"][:].tolist() == list(range(10))


def test_h5py_is_missing(
    tmp_path: Path, body: Body, state: BodyState, capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__

    def fail(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "h5py":
            raise ModuleNotFoundError("No module named 'h5py'")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(MissingDependencyError, match=r"pip install h5py"):
        write_people_snapshot(tmp_path / "out", body, state, capture)
    assert not (tmp_path / "out").exists()


def film(capture: Capture, height: int, width: int) -> list[tuple[int, np.ndarray]]:
    """Return a grey picture for each frame, whose level says its row."""
    levels = [20 + 40 * row for row in range(len(capture.frame_indices))]
    pictures = [np.full((height, width, 3), level, np.uint8) for level in levels]
    return list(zip(capture.frame_indices.tolist(), pictures, strict=True))


def preprocessed(root: Path, subject: str) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return (frame, mask, pose) as the preprocessing of InstantAvatar and of Anim-NeRF pair them by their number."""
    h5py = pytest.importorskip("h5py")
    folder = root / subject
    camera = pickle.loads((folder / "camera.pkl").read_bytes(), encoding="latin1")
    assert not np.any(camera["camera_k"]) and not np.any(camera["camera_rt"]) and not np.any(camera["camera_t"])
    video = cv2.VideoCapture(str(folder / f"{subject}.mp4"))
    masks = np.asarray(h5py.File(folder / "masks.hdf5")["masks"]).astype(np.uint8)
    poses = np.asarray(h5py.File(folder / "reconstructed_poses.hdf5")["pose"])
    samples = []
    for row in range(int(video.get(cv2.CAP_PROP_FRAME_COUNT))):
        frame = video.read()[1]
        assert frame.shape == (camera["height"], camera["width"], 3)
        samples.append((np.concatenate([frame, masks[row][:, :, None] * 255], axis=-1), masks[row], poses[row]))
    return samples


@pytest.mark.parametrize(("height", "width"), [(40, 30), (41, 31)])
def test_frame_i_of_its_video_belongs_to_row_i(
    tmp_path: Path, body: Body, state: BodyState, capture: Capture, height: int, width: int
) -> None:
    masks = np.pad(capture.masks, ((0, 0), (0, height - 40), (0, width - 30)))
    given = replace(capture, masks=masks, camera=replace(capture.camera, width=width, height=height))
    files = write_people_snapshot(tmp_path / "anna", body, state, given, film(given, height, width))
    assert files[-1].name == "anna.mp4"
    samples = preprocessed(tmp_path, "anna")
    assert len(samples) == 6
    for row, (picture, mask, pose) in enumerate(samples):
        assert abs(picture[..., :3].mean() - (20 + 40 * row)) < 3
        np.testing.assert_array_equal(mask, capture.masks[row])
        np.testing.assert_allclose(pose[:3], state.global_orient[row])
    rows = (tmp_path / "anna/frame_indices.txt").read_text().split()
    assert [int(index) for index in rows] == capture.frame_indices.tolist()


def test_without_masks_it_is_refused(tmp_path: Path, body: Body, state: BodyState, capture: Capture) -> None:
    with pytest.raises(BadInputError, match="people-snapshot files need the masks of the clip, but that of frame 0 is"):
        write_people_snapshot(tmp_path / "out", body, state, replace(capture, masks=np.zeros_like(capture.masks)))
    assert not (tmp_path / "out").exists()
