"""A start from given poses: rotations of the file, places of the keypoints."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person
from torch import Tensor

from fit_avatar.body import Body, load_body, rotation
from fit_avatar.body.model import SMPL_JOINTS, SMPL_PARENTS
from fit_avatar.capture import Capture
from fit_avatar.energies.directions import ENDS
from fit_avatar.errors import BadInputError
from fit_avatar.fitting import Context, FitState, Observations, as_schedule, preset
from fit_avatar.fitting.actions import Initialise, StartFrom, identity
from fit_avatar.fitting.rest_pose import fitted_limbs, straight_limbs
from fit_avatar.fitting.retarget import own_limbs
from fit_avatar.io.fingerprint import digest

FRAMES = 8


class Clip:
    """A person who turns, seen by perfect keypoints, and the poses that another program would write."""

    def __init__(self, blind: int | None = None) -> None:
        self.body: Body = load_body()
        self.truth = turning_person(self.body, FRAMES)
        points = self.body.keypoint_regressor @ self.truth.vertices
        keypoints = torch.cat([CAMERA.project(points), torch.ones(FRAMES, 25, 1)], -1)
        if blind is not None:
            keypoints[blind, :, 2] = 0
        empty, weights = np.zeros((FRAMES, 8, 8), bool), np.ones(FRAMES, np.float32)
        capture = Capture(np.arange(FRAMES), keypoints.numpy(), empty, CAMERA, weights)
        self.seen = Observations.of(capture, torch.device("cpu"), self.truth.height_m)
        poses = torch.zeros(FRAMES, 24, 3)
        poses[:, 0] = self.truth.state.global_orient
        poses[:, 16, 2], poses[:, 17, 2] = -0.9, 0.9
        self.poses = poses.reshape(FRAMES, 72).numpy()

    @property
    def context(self) -> Context:
        return Context(self.body, lambda: self.seen)

    def start(self, path: Path) -> FitState:
        return StartFrom(str(path)).run(FitState.upright(self.body, FRAMES), self.context)

    def error_m(self, state: FitState) -> float:
        return float((state.clip.transl - self.truth.state.transl).norm(dim=-1).max())

    def turned_away_rad(self, state: FitState) -> float:
        own = rotation.exp(self.truth.state.global_orient)
        return float(rotation.log(own.mT @ state.clip.rotations[:, 0]).norm(dim=-1).max())


@pytest.fixture
def clip() -> Clip:
    return Clip()


def vibe(path: Path, *people: dict[str, Any]) -> Path:
    shapes = {"betas": np.zeros((FRAMES, 10), np.float32)}
    path.write_bytes(pickle.dumps({number: {**shapes, **person} for number, person in enumerate(people, 1)}))
    return path


def test_rotations_and_places(clip: Clip, tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", thetas=clip.poses)
    state = clip.start(tmp_path / "p.npz")
    assert clip.turned_away_rad(state) < 1e-3
    assert clip.error_m(state) < 0.3
    assert state.warnings == ()


def test_a_shape_is_for_the_same_model_alone(clip: Clip, tmp_path: Path) -> None:
    shape = np.linspace(0.1, 1.0, 10, dtype=np.float32)
    np.savez(tmp_path / "p.npz", thetas=clip.poses, betas=shape[None])
    assert not clip.start(tmp_path / "p.npz").clip.betas.any()
    clip.body = replace(clip.body, name="smpl")
    np.testing.assert_allclose(clip.start(tmp_path / "p.npz").clip.betas.numpy(), shape[: clip.body.num_betas])
    clip.body = replace(clip.body, gender="female")
    assert not clip.start(tmp_path / "p.npz").clip.betas.any()


def test_key_frames_are_kept(clip: Clip, tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", thetas=clip.poses)
    few = Initialise(key_frames=4).run(FitState.upright(clip.body, FRAMES), clip.context)
    state = StartFrom(str(tmp_path / "p.npz")).run(few, clip.context)
    assert state.key_frames is not None and len(state.clip.transl) == 4
    own = rotation.exp(clip.truth.state.global_orient)[state.key_frames]
    assert float(rotation.log(own.mT @ state.clip.rotations[:, 0]).norm(dim=-1).max()) < 1e-3
    seen = state.observations(clip.seen)
    assert seen.limb_directions is not None and seen.limb_directions.shape == (4, 10, 3)


def test_frames_that_are_missing_are_interpolated(clip: Clip, tmp_path: Path) -> None:
    kept = np.array([0, 1, 3, 4, 5, 7])
    path = vibe(tmp_path / "p.pkl", {"pose": clip.poses[kept], "frame_ids": kept})
    assert clip.turned_away_rad(clip.start(path)) < 0.15


def test_of_several_people_the_one_who_fits_is_taken(clip: Clip, tmp_path: Path) -> None:
    other, most = clip.poses.copy(), clip.poses[: FRAMES - 1]
    roots = rotation.exp(torch.tensor([0.0, 0.0, 1.5])) @ rotation.exp(torch.from_numpy(other[:, :3]))
    other[:, :3] = rotation.log(roots).numpy()
    frames = {"frame_ids": np.arange(FRAMES - 1)}
    state = clip.start(vibe(tmp_path / "p.pkl", {"pose": other}, {"pose": most, **frames}))
    assert clip.turned_away_rad(state) < 1.0  # the last frame stays as the one before it
    assert len(state.warnings) == 1 and "has 2 people; person 2" in state.warnings[0]


def test_another_frame_rate_is_said(clip: Clip, tmp_path: Path) -> None:
    fps = (FRAMES - 1) / float(clip.seen.times_s[-1] - clip.seen.times_s[0])
    twice = np.repeat(clip.poses, 2, 0)
    for given in ({"mocap_framerate": 2 * fps}, {}):  # told, and found
        np.savez(tmp_path / "p.npz", poses=np.concatenate([twice[:, :66], np.zeros((2 * FRAMES, 90))], 1), **given)
        state = clip.start(tmp_path / "p.npz")
        assert clip.turned_away_rad(state) < 1e-3
        assert len(state.warnings) == 1 and "another frame rate" in state.warnings[0]


def test_their_places_help_where_no_keypoints_are(tmp_path: Path) -> None:
    clip = Clip(blind=3)
    shifted = clip.truth.state.transl.clone()
    shifted[3] += torch.tensor([0.4, 0.0, 0.0])
    weak = torch.stack([1 / shifted[:, 2], 1 / shifted[:, 2], shifted[:, 0], shifted[:, 1]], 1).numpy()
    path = vibe(tmp_path / "p.pkl", {"pose": clip.poses, "orig_cam": weak})
    lone = vibe(tmp_path / "q.pkl", {"pose": clip.poses})
    beside, alone = clip.start(path).clip.transl, clip.start(lone).clip.transl
    assert torch.allclose(alone[3], alone[2])
    assert float((beside - alone)[3].norm()) > 0.01


def test_poses_of_another_clip_are_refused(clip: Clip, tmp_path: Path) -> None:
    wrong = clip.poses.copy()
    wrong[:, :3] = 0  # upside down
    np.savez(tmp_path / "p.npz", thetas=wrong)
    with pytest.raises(BadInputError, match=r"--init .* do not fit this clip"):
        clip.start(tmp_path / "p.npz")
    with pytest.raises(BadInputError, match=r"--init .* frames 0 to 1, but not of half"):
        clip.start(vibe(tmp_path / "p.pkl", {"pose": clip.poses[:2], "frame_ids": np.arange(2)}))


def test_poses_in_the_axes_of_a_world_are_turned(clip: Clip, tmp_path: Path) -> None:
    world = rotation.exp(torch.tensor([1.5, 0.4, -0.3]))
    roots = world @ rotation.exp(torch.from_numpy(clip.poses[:, :3]))
    poses = np.concatenate([rotation.log(roots).numpy(), clip.poses[:, 3:]], 1)
    np.savez(tmp_path / "p.npz", thetas=poses)
    with pytest.raises(BadInputError, match="axes"):
        clip.start(tmp_path / "p.npz")  # nothing says how the limbs lie in 3D
    points = clip.body.keypoint_regressor @ clip.truth.vertices
    first, second = points[:, list(ENDS)].unflatten(1, (-1, 2)).unbind(2)
    along = torch.nn.functional.normalize(second - first, dim=-1)
    along[:, 0] = -along[:, 0]  # a limb that the detector sees the wrong way round
    clip.seen = replace(clip.seen, limb_directions=along, limb_precision=torch.full((FRAMES, 10), 5.0))
    state = clip.start(tmp_path / "p.npz")
    assert clip.turned_away_rad(state) < 0.1
    assert "axes of a world" in state.warnings[0]
    turning = rotation.exp(torch.linspace(0, 0.5, FRAMES)[:, None] * torch.tensor([0.0, 1.0, 0.0]))
    clip.seen = replace(clip.seen, world_from_camera=turning)
    moving = turning @ rotation.exp(torch.from_numpy(clip.poses[:, :3]))
    poses = np.concatenate([rotation.log(world @ moving).numpy(), clip.poses[:, 3:]], 1)
    np.savez(tmp_path / "p.npz", thetas=poses)
    assert clip.turned_away_rad(clip.start(tmp_path / "p.npz")) < 0.1


def test_the_rest_pose_is_fitted_to_the_keypoints(clip: Clip) -> None:
    """Rotations of a skeleton whose legs are apart at rest, moved so that its limbs point where the truth's do."""
    body, betas = clip.body, torch.zeros(clip.body.num_betas)
    change = torch.zeros(4, 3)
    change[0, 0] = change[1, 0] = 0.2
    rest = straight_limbs(change)
    like = FitState.upright(body, FRAMES).clip.rotations
    theirs = their_rotations(body, clip.truth.state.global_orient, rest)
    found = fitted_limbs(body, betas, like, theirs, clip.seen)
    for name in ("left_hip", "left_knee", "right_hip"):
        before = straight_limbs(torch.zeros(4, 3))[name]
        assert float(found[name] @ rest[name]) > float(before @ rest[name])
        assert torch.arccos(found[name] @ rest[name]) < 0.1


def their_rotations(body: Body, roots: Tensor, rest: dict[str, Tensor]) -> Tensor:
    """Return rotations of another skeleton in the body's A-pose. [T, 24, 3, 3]"""
    whole = FitState.upright(body, len(roots)).clip.rotations.clone()
    whole[:, 0] = rotation.exp(roots)
    turned = [whole[:, 0]]
    for k, parent in enumerate(SMPL_PARENTS[1:], 1):
        turned.append(turned[parent] @ whole[:, k])
    own = own_limbs(body, torch.zeros(body.num_betas))
    for name, limb in rest.items():
        k = SMPL_JOINTS.index(name)
        axis = torch.linalg.cross(limb, own[name])
        turned[k] = turned[k] @ rotation.exp(torch.nn.functional.normalize(axis, dim=0) * axis.norm().asin())
    return torch.stack([turned[0], *(turned[p].mT @ turned[k] for k, p in enumerate(SMPL_PARENTS[1:], 1))], 1)


def test_the_result_depends_on_what_is_in_the_file(clip: Clip, tmp_path: Path) -> None:
    first, same, other = (tmp_path / name for name in ("a.npz", "b.npz", "c.npz"))
    np.savez(first, thetas=clip.poses)
    same.write_bytes(first.read_bytes())
    np.savez(other, thetas=clip.poses + 0.1)
    keys = [digest(identity(StartFrom(str(path)))) for path in (first, same, other)]
    assert keys[0] == keys[1] != keys[2]


def test_schedules_start_from_a_file(clip: Clip, tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", thetas=clip.poses)
    for name in ("motion", "video-avatar", "smplify"):
        actions = as_schedule(name, init=tmp_path / "p.npz").actions
        assert [type(action).__name__ for action in actions[:2]] == ["Initialise", "StartFrom"]
        assert not actions[0].both_ways
        assert actions[2:] == preset(name).actions[1:]
    (tmp_path / "bad.pkl").write_bytes(b"nothing")
    with pytest.raises(BadInputError, match=r"bad\.pkl"):
        as_schedule("motion", init=tmp_path / "bad.pkl")
