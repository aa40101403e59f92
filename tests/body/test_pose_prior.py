"""The prior of recorded motion: what people do is likely, on both sides alike, and what they cannot do is not."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from fit_avatar.body import load_body, rotation
from fit_avatar.body.pose_prior import FILE, recorded_poses
from fit_avatar.body.poses import a_pose
from fit_avatar.energies import mixture_pose_prior
from fit_avatar.fitting import FitState
from fit_avatar.solvers import Unknowns


def energy_of(**angles: tuple[float, float, float]) -> float:
    """Return the energy of the default body in its A-pose, with other axis-angles of some joints."""
    body = load_body()
    pose = rotation.log(a_pose(body))
    for joint, angle in angles.items():
        pose[body.joint_names.index(joint) - 1] = torch.tensor(angle)
    state = FitState.upright(body, 1).clip
    state = replace(state, rotations=torch.cat([state.rotations[:, :1], rotation.exp(pose)[None]], 1))
    return float(mixture_pose_prior(Unknowns.of(body, state).posed_body()).square().sum())


def test_the_file_is_the_one_whose_checksum_is_beside_it() -> None:
    expected = FILE.with_name("pose_prior.npz.sha256").read_text().split()[0]
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == expected
    assert FILE.stat().st_size < 20_000


def test_it_is_a_mixture() -> None:
    prior = recorded_poses()
    assert prior.weights.sum() == pytest.approx(1)
    assert (np.linalg.eigvalsh(prior.covariances()) > 0).all()
    assert np.abs(prior.means).max() < np.pi


def test_knees_and_elbows_bend_one_way() -> None:
    def crouch(sign: float) -> float:
        knee, hip = (sign * 1.8, 0.0, 0.0), (sign * -1.2, 0.0, 0.0)
        return energy_of(left_knee=knee, right_knee=knee, left_hip=hip, right_hip=hip)

    assert energy_of() < crouch(1) < crouch(-1) - 20
    bent = energy_of(left_elbow=(0, -1.5, 0), right_elbow=(0, 1.5, 0))
    assert bent < energy_of(left_elbow=(0, 1.5, 0), right_elbow=(0, -1.5, 0)) - 20


def test_both_sides_are_alike() -> None:
    left = energy_of(left_knee=(0.8, 0, 0), left_shoulder=(0.2, -0.3, -0.6))
    right = energy_of(right_knee=(0.8, 0, 0), right_shoulder=(0.2, 0.3, 0.6))
    assert left == pytest.approx(right, rel=0.3)
