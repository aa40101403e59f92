"""Quality: only surface that is seen often, at a steep angle and with agreeing contours has high confidence."""

from dataclasses import replace

import numpy as np
import pytest

from fit_avatar.body import pose_body
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.report.quality import QUALITY, confidence, measure_quality, rim_errors, steepness
from fit_avatar.visibility.raster import silhouette

CAMERA = Camera(700.0, 700.0, 180.0, 240.0, 360, 480)


def ideal_capture(body, state):
    vertices = pose_body(body, state).vertices
    count = len(vertices)
    return Capture(
        frame_indices=np.arange(count),
        keypoints=np.zeros((count, 25, 3), np.float32),
        masks=np.stack([silhouette(v, body.faces, CAMERA).numpy() for v in vertices]),
        camera=CAMERA,
        frame_weights=np.ones(count, np.float32),
    )


def first_frame(state):
    return replace(state, **{name: getattr(state, name)[:1] for name in ("global_orient", "body_pose", "transl")})


@pytest.mark.parametrize(
    ("frames", "error_m", "expected"),
    [
        (QUALITY.enough_frames, 0.0, 1.0),
        (10 * QUALITY.enough_frames, 0.0, 1.0),
        (0, 0.0, 0.0),
        (1, 0.0, 1 / QUALITY.enough_frames),
        (QUALITY.enough_frames, QUALITY.half_error_m, 0.5),
        (QUALITY.enough_frames, 10 * QUALITY.half_error_m, 1 / 101),
    ],
)
def test_confidence_is_how_often_it_was_seen_times_how_wrong_it_may_be(frames, error_m, expected) -> None:
    found = confidence(np.array([frames]), np.array([error_m], np.float32))
    assert found[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("cosine", "expected"), [(0.0, 0.0), (0.2, 0.0), (0.45, 0.5), (0.7, 1.0), (1.0, 1.0)])
def test_steepness(cosine, expected) -> None:
    assert steepness(np.array([cosine], np.float32))[0] == pytest.approx(expected, abs=1e-6)


def disc(radius: float) -> np.ndarray:
    rows, columns = np.mgrid[: CAMERA.height, : CAMERA.width] + 0.5
    return np.hypot(columns - CAMERA.cx, rows - CAMERA.cy) < radius


@pytest.mark.parametrize("gap", [-6, 0, 6])
def test_the_rim_is_as_far_from_the_outline_as_the_discs_are_apart(gap) -> None:
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    around = np.stack([np.cos(angle), np.sin(angle)], 1)
    pixels = np.concatenate([around * 99.5, around * 40]).astype(np.float32) + [CAMERA.cx, CAMERA.cy]
    depth = np.full(180, 3.5, np.float32)
    rim, error = rim_errors(np.ones(180, bool), pixels, depth, disc(100), disc(100 + gap), CAMERA)
    assert set(rim) == set(range(90))  # the inner ring is no outline
    np.testing.assert_allclose(error, abs(gap) * 3.5 / CAMERA.fx, atol=1.5 * 3.5 / CAMERA.fx)


def test_without_a_mask_there_is_no_outline() -> None:
    pixels, depth = np.array([[280.0, 240.0]], np.float32), np.array([3.0], np.float32)
    for mask in (np.zeros_like(disc(1)), np.ones_like(disc(1))):
        rim, error = rim_errors(np.ones(1, bool), pixels, depth, disc(100), mask, CAMERA)
        assert len(rim) == len(error) == 0


def test_one_frame_shows_one_side(body, state) -> None:
    one = first_frame(state)
    steps = []
    quality = measure_quality(body, one, ideal_capture(body, one), lambda *step: steps.append(step))
    assert steps == [(1, 1)]
    assert set(np.unique(quality.frames)) == {0, 1}
    away = pose_body(body, one).vertices[0, :, 2].numpy()
    skin = body.skin.numpy()
    near, far = skin & (away < np.quantile(away[skin], 0.3)), skin & (away > np.quantile(away[skin], 0.7))
    assert quality.frames[near].mean() > 0.5 and quality.frames[far].max() == 0
    assert quality.confidence[far].max() == 0
    assert quality.confidence.max() <= 1 / QUALITY.enough_frames + 1e-6
    assert quality.best_cosine[quality.frames > 0].min() > 0


def test_a_turn_shows_all_around_and_agrees_with_ideal_masks(body, state) -> None:
    capture = ideal_capture(body, state)
    quality = measure_quality(body, state, capture)
    skin = body.skin.numpy()
    assert (quality.frames[skin] > 0).mean() > 0.75
    hidden = np.zeros(len(skin), bool)
    hidden[-len(skin[~skin]) // 3 :] = True  # the ball inside the egg is the last part
    assert quality.frames[hidden].max() == 0
    pixel_m = 3.0 / CAMERA.fx
    assert np.nanmedian(quality.contour_error_m[skin]) < pixel_m

    shifted = measure_quality(body, state, replace(capture, masks=np.roll(capture.masks, 12, axis=2)))
    assert np.nanmedian(shifted.contour_error_m[skin]) > 3 * pixel_m
    assert shifted.confidence[skin].mean() < 0.6 * quality.confidence[skin].mean()
