"""Poses of other programs, in tiny files of their layouts."""

from __future__ import annotations

import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fit_avatar.body import rotation
from fit_avatar.body.model import SMPL_JOINTS
from fit_avatar.capture.others import GivenPoses
from fit_avatar.capture.others import read_poses as read_people
from fit_avatar.errors import BadInputError

RNG = np.random.default_rng(0)
POSES = RNG.normal(0, 0.5, (3, 72)).astype(np.float32)
TURNS = rotation.exp(torch.from_numpy(POSES.reshape(3, 24, 3))).numpy()
BODY = np.concatenate([POSES[:, :66], np.zeros((3, 6), np.float32)], 1)
FRAMES = np.array([0, 1, 3])


def read_poses(path: Path) -> GivenPoses:
    return read_people(path)[0]


def track(**more: Any) -> dict[str, Any]:
    return {"pose": POSES, "betas": np.zeros((3, 10)), **more}


def phalp() -> dict[str, Any]:
    smpl = [{"global_orient": t[:1], "body_pose": t[1:], "betas": np.zeros(10)} for t in TURNS]
    return {f"f/{f}.jpg": {"time": int(f), "tid": [4], "smpl": [s]} for f, s in zip(FRAMES, smpl, strict=True)}


PICKLES = {
    "vibe": {1: track(frame_ids=FRAMES)},
    "wham": {0: track(frame_id=FRAMES, trans=np.zeros((3, 3)))},
    "phalp": phalp(),
}


@pytest.mark.parametrize("name", list(PICKLES))
@pytest.mark.parametrize("packed", [False, True])
def test_pickles(tmp_path: Path, name: str, packed: bool) -> None:
    content = pickle.dumps(PICKLES[name])
    (tmp_path / "any.bin").write_bytes(zlib.compress(content) if packed else content)
    given = read_poses(tmp_path / "any.bin")
    assert given.frame_indices.tolist() == [0, 1, 3]
    np.testing.assert_allclose(given.rotations, TURNS, atol=1e-5)


def test_joblib_writes_arrays_between_the_instructions(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(joblib_dump(POSES, FRAMES))
    given = read_poses(tmp_path / "a.pkl")
    assert given.frame_indices.tolist() == [0, 1, 3]
    np.testing.assert_allclose(given.rotations, TURNS, atol=1e-5)


def test_the_person_seen_longest_is_the_first(tmp_path: Path) -> None:
    short = {"pose": POSES[:1], "betas": np.zeros((1, 10)), "frame_ids": FRAMES[:1]}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({5: short, 7: track(frame_ids=FRAMES)}))
    assert [person.person for person in read_people(tmp_path / "a.pkl")] == ["7", "5"]


def test_arrays_and_torch(tmp_path: Path) -> None:
    np.savez(tmp_path / "i.npz", thetas=POSES)
    np.savez(tmp_path / "a.npz", poses=np.concatenate([BODY[:, :66], np.zeros((3, 90))], 1))
    parts = {
        "global_orient": torch.from_numpy(POSES[:, :3]),
        "betas": torch.zeros(3, 10),
        "body_pose": torch.from_numpy(POSES[:, 3:66]),
    }
    torch.save({"smpl_params_incam": parts}, tmp_path / "g.pt")
    assert np.allclose(read_poses(tmp_path / "i.npz").rotations, TURNS, atol=1e-5)
    for name in ("a.npz", "g.pt"):
        assert np.allclose(read_poses(tmp_path / name).rotations[:, :22], TURNS[:, :22], atol=1e-5)


def test_tram(tmp_path: Path) -> None:
    data = {"pred_rotmat": torch.from_numpy(TURNS).numpy(), "pred_trans": np.ones((3, 1, 3)), "frame": FRAMES}
    np.save(tmp_path / "hps_track_0.npy", data)  # type: ignore[arg-type]
    given = read_poses(tmp_path / "hps_track_0.npy")
    assert given.frame_indices.tolist() == [0, 1, 3] and np.allclose(given.rotations, TURNS, atol=1e-5)
    assert given.places is not None and given.places.shape == (3, 3)


def test_joints_places_shapes_and_rates(tmp_path: Path) -> None:
    points = RNG.normal(size=(3, 49, 3)).astype(np.float32)
    weak = np.array([[0.5, 0.5, 0.1, 0.2]] * 3)
    (tmp_path / "v.pkl").write_bytes(pickle.dumps({1: track(frame_ids=FRAMES, joints3d=points, orig_cam=weak)}))
    given = read_poses(tmp_path / "v.pkl")
    assert given.joints is not None and given.places is not None and given.betas is not None
    np.testing.assert_array_equal(given.joints[:, SMPL_JOINTS.index("left_knee")], points[:, 13])  # as in BODY_25
    assert np.isnan(given.joints[:, SMPL_JOINTS.index("spine1")]).all()
    np.testing.assert_allclose(given.places[0], [0.1, 0.2, 2.0], rtol=1e-6)
    np.savez(tmp_path / "a.npz", poses=np.zeros((3, 156)), mocap_framerate=120.0, betas=np.ones(16))
    given = read_poses(tmp_path / "a.npz")
    assert given.fps == 120 and given.betas is None  # of SMPL-H


def test_romp_and_easymocap(tmp_path: Path) -> None:
    results = {f"{f:08d}.png": {"smpl_thetas": p[None]} for f, p in zip(FRAMES, POSES, strict=True)}
    np.savez(tmp_path / "r.npz", results=np.array(results, dtype=object))
    (tmp_path / "smpl").mkdir()
    for frame, pose in zip(FRAMES, POSES, strict=True):
        person = {"id": 0, "Rh": [pose[:3].tolist()], "Th": [[0, 0, 3]], "poses": [[0, 0, 0, *pose[3:].tolist()]]}
        (tmp_path / "smpl" / f"{frame:06d}.json").write_text(json.dumps([person]))
    for name in ("r.npz", "smpl"):
        given = read_poses(tmp_path / name)
        assert given.frame_indices.tolist() == [0, 1, 3]
        np.testing.assert_allclose(given.rotations, TURNS, atol=1e-5)


class Hostile:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


def test_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "h.pkl").write_bytes(pickle.dumps({1: Hostile()}))
    np.savez(tmp_path / "h.npz", results=np.array({"a": Hostile()}, dtype=object))
    torch.save({"smpl_params_incam": Hostile()}, tmp_path / "h.pt")
    for name in ("h.pkl", "h.npz", "h.pt"):
        with pytest.raises(BadInputError, match="not data"):
            read_poses(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("data", [[1, 2], {"a": 3}, {1: track(frame_ids=FRAMES[:2])}, {}])
def test_other_contents_are_refused_in_one_sentence(tmp_path: Path, data: Any) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(data))
    with pytest.raises(BadInputError, match=r"a\.pkl"):
        read_poses(tmp_path / "a.pkl")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.npz", b"PK\x03\x04 and no archive"),
        ("phalp.pkl", pickle.dumps({"a": {"smpl": [{}], "tid": [1], "time": float("inf")}})),
        ("many.pkl", pickle.dumps({1: track(frame_ids=[10**30] * 3)})),
    ],
)
def test_damaged_files_are_refused_in_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError, match=name):
        read_poses(tmp_path / name)


def test_the_frame_in_a_name_may_be_without_end(tmp_path: Path) -> None:
    (tmp_path / ("9" * 30 + ".json")).write_text(json.dumps([{"id": 0, "Rh": [[0] * 3], "poses": [[0] * 72]}]))
    with pytest.raises(BadInputError, match="not a complete result"):
        read_poses(tmp_path)


def test_claims_take_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", poses=np.zeros((400_000, 72), np.int8))
    with pytest.raises(BadInputError, match="400000 frames of one person"):
        read_poses(tmp_path / "a.npz")
    monkeypatch.setattr("fit_avatar.capture.others.read.MAX_BYTES", 20 << 20)
    with pytest.raises(BadInputError, match="unpacks to 27 MB"):
        read_poses(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", poses=np.zeros((3, 72)))
    content = (tmp_path / "b.npz").read_bytes().replace(b"(3, 72), }  ", b"(3000, 72)}")
    (tmp_path / "b.npz").write_bytes(content)
    with pytest.raises(BadInputError, match=r"b\.npz"):
        read_poses(tmp_path / "b.npz")


@pytest.mark.parametrize("rate", [0.0, -25.0, float("nan"), float("inf"), 1e300])
def test_an_impossible_rate_is_none(tmp_path: Path, rate: float) -> None:
    np.savez(tmp_path / "a.npz", poses=np.zeros((3, 156)), mocap_framerate=rate)
    assert read_poses(tmp_path / "a.npz").fps is None


def test_vposer_is_told(tmp_path: Path) -> None:
    data = {"body_pose": np.zeros((1, 32)), "global_orient": np.zeros((1, 3))}
    (tmp_path / "000.pkl").write_bytes(pickle.dumps(data))
    with pytest.raises(BadInputError, match="VPoser"):
        read_poses(tmp_path / "000.pkl")


def joblib_dump(pose: np.ndarray, frames: np.ndarray) -> bytes:
    """Return what joblib writes: after each wrapper of an array, its padding and bytes."""

    def text(value: str) -> bytes:
        return b"X" + len(value).to_bytes(4, "little") + value.encode()

    def array(values: np.ndarray) -> bytes:
        shape = b"(" + b"".join(b"J" + n.to_bytes(4, "little") for n in values.shape) + b"t"
        dtype = pickle.dumps(values.dtype, 2)[2:-1]
        state = b"}(" + text("shape") + shape + text("order") + text("C") + text("dtype") + dtype
        state += text("numpy_array_alignment_bytes") + b"K\x10" + b"u"
        return b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81" + state + b"b" + b"\x02\xff\xff" + values.tobytes()

    person = b"}(" + text("pose") + array(pose) + text("betas") + array(np.zeros((3, 10)))
    return b"\x80\x02}K\x01" + person + text("frame_ids") + array(frames) + b"us."
