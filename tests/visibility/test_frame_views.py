"""What each frame shows is computed once, and is what each user would have found alone."""

from dataclasses import replace

import numpy as np
import pytest

from fit_avatar.body import pose_body
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.errors import BadInputError
from fit_avatar.report import measure_agreement, measure_quality
from fit_avatar.texture import bake
from fit_avatar.visibility import frame_views
from fit_avatar.visibility.frame_views import FrameViews
from fit_avatar.visibility.raster import silhouette

CAMERA = Camera(350.0, 350.0, 90.0, 120.0, 181, 241)  # odd sides


@pytest.fixture
def capture(body, state):
    vertices = pose_body(body, state).vertices
    masks = np.stack([silhouette(v, body.faces, CAMERA).numpy() for v in vertices])
    count = len(masks)
    keypoints = np.zeros((count, 25, 3), np.float32)
    return Capture(np.arange(count), keypoints, np.roll(masks, 3, axis=2), CAMERA, np.ones(count, np.float32))


def test_a_silhouette_is_that_of_the_body(body, state, capture):
    seen = FrameViews(body, state, capture)
    for _ in range(2):  # drawn, then kept
        for t, vertices in enumerate(pose_body(body, state).vertices):
            drawn = silhouette(vertices, body.faces, CAMERA, cull_backfaces=True).numpy()
            np.testing.assert_array_equal(seen.silhouette(t), drawn)


def test_what_is_shared_gives_the_same_and_is_drawn_once(body, state, capture, monkeypatch):
    drawn, computed = [], []
    draw, compute = frame_views.silhouette, frame_views.compute_view
    monkeypatch.setattr(frame_views, "silhouette", lambda *given, **more: drawn.append(1) or draw(*given, **more))
    monkeypatch.setattr(frame_views, "compute_view", lambda *given: computed.append(1) or compute(*given))
    frames = [(t, np.full((CAMERA.height, CAMERA.width, 3), 20 * t, np.uint8)) for t in range(len(capture.masks))]

    shared = FrameViews(body, state, capture)
    agreement = measure_agreement(body, state, capture, frame_views=shared)
    texture = bake(body, state, capture, frames, 64, frame_views=shared)
    quality = measure_quality(body, state, capture, frame_views=shared)
    assert len(drawn) == len(computed) == len(capture.masks)

    np.testing.assert_array_equal(agreement.iou, measure_agreement(body, state, capture).iou)
    np.testing.assert_array_equal(texture.image, bake(body, state, capture, frames, 64).image)
    alone = measure_quality(body, state, capture)
    for name, array in vars(quality).items():
        np.testing.assert_array_equal(array, getattr(alone, name))
    assert len(computed) == 3 * len(capture.masks)


def test_one_pose_for_each_frame_is_needed(body, state, capture):
    fewer = replace(capture, masks=capture.masks[:-1])
    with pytest.raises(BadInputError, match=f"the state has {len(capture.masks)} poses, but the capture"):
        FrameViews(body, state, fewer)
