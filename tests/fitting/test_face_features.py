"""Features of the face are moved along the surface to where a clip shows them, whatever the head does meanwhile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from fit_avatar.body import Body, BodyState
from fit_avatar.body.default_body import read_default
from fit_avatar.body.face_points import NO_FEATURES, default_face_points
from fit_avatar.body.skinning import pose_body
from fit_avatar.capture.types import Camera
from fit_avatar.fitting.face_features import shift_of_features

CAMERA = Camera(1500.0, 1500.0, 500.0, 120.0, 1000, 400)
FRAMES, LOWER_M = 9, 0.005
POINTS = default_face_points()


@pytest.fixture(scope="module")
def body() -> Body:
    return read_default(num_betas=2)


@pytest.fixture(scope="module")
def state(body: Body) -> BodyState:
    """A person who turns from side to side two metres away, the head at the picture's centre."""
    turn = torch.linspace(-0.5, 0.5, FRAMES)
    facing = torch.zeros(FRAMES, 3)
    facing[:, 0], facing[:, 2] = torch.pi * torch.cos(turn / 2), torch.pi * torch.sin(turn / 2)
    pose = torch.zeros(FRAMES, len(body.joint_names) - 1, 3)
    still = BodyState(torch.zeros(2), torch.zeros_like(body.template), facing, pose, torch.zeros(FRAMES, 3))
    middle = torch.from_numpy(POINTS.on(pose_body(body, still).vertices[FRAMES // 2].double().numpy())).mean(0)
    return replace(still, transl=(torch.tensor([0.0, 0.0, 2.0]) - middle).float().expand(FRAMES, -1))


@pytest.fixture(scope="module")
def person(body: Body) -> torch.Tensor:
    """Offsets of a person whose features lie lower, by less towards the rim of the face."""
    middle = torch.from_numpy(POINTS.on(body.template.double().numpy()).mean(0)).float()
    apart = (body.template - middle).norm(dim=1)
    lower = torch.zeros_like(body.template)
    lower[:, 1] = -LOWER_M * torch.exp(-((apart / 0.08) ** 2))
    return lower


def seen(body: Body, state: BodyState, person: torch.Tensor, nods: float = 0.0) -> torch.Tensor:
    """Return the points of the person's face in the frames, whose head nods against the fitted one."""
    pose = state.body_pose.clone()
    pose[:, body.joint_names.index("head") - 1, 0] += nods * torch.linspace(-1, 1, FRAMES)
    posed = pose_body(body, replace(state, offsets=person, body_pose=pose)).vertices.double().numpy()
    found = np.zeros((FRAMES, 468, 3), np.float32)
    for t in range(FRAMES):
        found[t, POINTS.index, :2] = CAMERA.project(POINTS.on(posed[t]))
    found[..., 2] = 1
    found[:, NO_FEATURES, 1] += 20  # guessed, and wrongly
    return torch.from_numpy(found)


@pytest.mark.parametrize("nods", [0.0, 0.03])
def test_features_come_to_lie_where_the_person_has_them(body, state, person, nods):
    shift = shift_of_features(body, state, POINTS, seen(body, state, person, nods), CAMERA)
    assert shift is not None
    features = POINTS.features()
    whole, left = (
        np.linalg.norm(features.on(each.double().numpy()), axis=1).mean() for each in (person, person - shift)
    )
    assert whole > 0.003
    assert left < 0.55 * whole  # what is across the surface stays
    assert float(shift[body.template[:, 1] < body.template[:, 1].max() - 0.5].abs().max()) == 0


def test_lips_stay_shut_and_nothing_gets_kinks(body, state, person):
    """Places that are near each other shift alike, on whichever side of a fold they lie: by a few tenths at most of
    how far they are apart."""
    shift = shift_of_features(body, state, POINTS, seen(body, state, person), CAMERA)
    assert shift is not None and float(shift.norm(dim=1).max()) > 0.003
    template, moved = body.template.double().numpy(), shift.double().numpy()
    on_face = np.flatnonzero(cKDTree(POINTS.features().on(template)).query(template)[0] < 0.01)
    first, second = on_face[cKDTree(template[on_face]).query_pairs(0.005, output_type="ndarray")].T
    apart = np.linalg.norm(template[first] - template[second], axis=1).clip(0.001)
    assert (np.linalg.norm(moved[first] - moved[second], axis=1) / apart).max() < 0.4


def test_a_face_that_fits_stays(body, state):
    shift = shift_of_features(body, state, POINTS, seen(body, state, torch.zeros_like(body.template)), CAMERA)
    assert shift is not None and float(shift.norm(dim=1).max()) < 1e-4


def test_without_frames_of_the_face_nothing_is_concluded(body, state, person):
    found = seen(body, state, person)
    assert shift_of_features(body, state, POINTS, found * torch.tensor([1.0, 1.0, 0.2]), CAMERA) is None
    found[2:, :, 2] = 0
    assert shift_of_features(body, state, POINTS, found, CAMERA) is None
