"""Expressions are found again in points of a face that moves, and a face at rest has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fit_avatar.body import BodyState, load_body, rotation
from fit_avatar.body.default_body import face_shapes
from fit_avatar.body.face_points import default_face_points
from fit_avatar.body.skinning import shaped
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.fitting.expressions import RESPONSES, between, find_expressions

FRAMES, FPS = 60, 30.0
NAMES = face_shapes().names
WRITTEN = tuple(RESPONSES)


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def state(body):
    rest = torch.zeros(FRAMES, len(body.joint_names) - 1, 3)
    return BodyState(
        torch.linspace(1, -1, body.num_betas), torch.zeros_like(body.template), torch.zeros(FRAMES, 3), rest,
        torch.zeros(FRAMES, 3),
    )  # fmt: skip


def bump(middle, width):
    return np.exp(-(((np.arange(FRAMES) - middle) / width) ** 2))


def seen(body, state, weights, distance_m=1.0, noise_px=0.3, bias_m=0.003):
    """Return the capture of a head that sways: points of a face with noise, and with errors of their own."""
    rng, found = np.random.default_rng(0), default_face_points()
    points = found.on(shaped(body, state.betas, state.offsets).double().numpy())
    points = points - points.mean(0) + bias_m * rng.normal(size=points.shape)
    shapes = np.stack([found.on(face_shapes().offsets[NAMES.index(name)].double().numpy()) for name in WRITTEN])
    moved = points + np.einsum("te,enc->tnc", weights * [each.share for each in RESPONSES.values()], shapes)
    time = np.arange(FRAMES) / FPS
    sway = np.stack([0.1 * np.sin(5 * time), 0.3 * np.sin(2 * time), 0.05 * np.cos(3 * time)], -1)
    turn = np.diag([1.0, -1.0, -1.0]) @ rotation.exp(torch.from_numpy(sway)).numpy()
    placed = np.einsum("tij,tnj->tni", turn, moved) + [0.02, -0.01, distance_m]
    camera = Camera(1000, 1000, 500, 500, 1000, 1000)
    face = np.zeros((FRAMES, 468, 3), np.float32)
    face[:, found.index, :2] = camera.project(placed) + noise_px * rng.normal(size=(*placed.shape[:2], 2))
    face[:, found.index, 2] = 1
    return Capture(
        frame_indices=np.arange(FRAMES), keypoints=np.zeros((FRAMES, 25, 3), np.float32),
        masks=np.zeros((FRAMES, 4, 4), bool), camera=camera, frame_weights=np.ones(FRAMES, np.float32), fps=FPS,
        point_sets={"face_468": face},
    )  # fmt: skip


def put(**curves):
    weights = np.zeros((FRAMES, len(WRITTEN)))
    for name, curve in curves.items():
        weights[:, WRITTEN.index(name)] = curve
    return weights


def column(weights, name):
    return weights[:, NAMES.index(name)]


def test_a_jaw_a_smile_and_a_blink_are_found_again(body, state):
    blink = bump(45, 2.5)
    true = put(
        jawOpen=0.7 * bump(10, 5), mouthSmileLeft=0.9 * bump(28, 5), mouthSmileRight=0.9 * bump(28, 5),
        eyeBlinkLeft=blink, eyeBlinkRight=blink,
    )  # fmt: skip
    found = find_expressions(body, state, seen(body, state, true))
    assert found is not None and found.shape == (FRAMES, 52) and found.dtype == np.float32
    assert found.min() >= 0 and found.max() <= 1
    for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "eyeBlinkRight"):
        expected = true[:, WRITTEN.index(name)]
        assert np.corrcoef(column(found, name), expected)[0, 1] > 0.9, name
        assert column(found, name).max() == pytest.approx(expected.max(), abs=0.3), name
    others = [k for k, name in enumerate(NAMES) if name not in WRITTEN]
    assert not found[:, others].any()


def test_a_face_at_rest_has_none_whatever_its_points_err_by(body, state):
    found = find_expressions(body, state, seen(body, state, put()))
    assert found is not None and found.max() < 0.1


def test_only_one_eye_blinks(body, state):
    found = find_expressions(body, state, seen(body, state, put(eyeBlinkLeft=bump(30, 4))))
    assert column(found, "eyeBlinkLeft").max() > 0.6 and column(found, "eyeBlinkRight").max() < 0.2


def test_a_face_that_is_small_or_seldom_seen_tells_nothing(body, state):
    true = put(jawOpen=bump(30, 5))
    assert find_expressions(body, state, seen(body, state, true, distance_m=5.0)) is None
    capture = seen(body, state, true)
    capture.point_sets["face_468"][5:, :, 2] = 0
    assert find_expressions(body, state, capture) is None
    assert find_expressions(body, state, replace(capture, point_sets={})) is None


def test_where_the_face_is_not_seen_it_is_at_rest(body, state):
    capture = seen(body, state, put(jawOpen=0.8 * bump(20, 6)))
    capture.point_sets["face_468"][20:, :, 2] = 0
    found = column(find_expressions(body, state, capture), "jawOpen")
    assert found[18] > 0.4 and found[40:].max() < 0.05


def test_other_bodies_have_no_shapes(body, state):
    other = replace(body, name="smpl")
    assert find_expressions(other, state, seen(body, state, put())) is None


def test_frames_between_have_weights_between():
    weights = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    found = between(weights, np.array([1.0, 2.0]), np.array([0.0, 1.5, 3.0]))
    np.testing.assert_allclose(found, [[0, 1], [0.5, 0.5], [1, 0]])
