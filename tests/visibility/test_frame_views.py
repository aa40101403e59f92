"""One look at every frame: what it shows is worked out once, and is what each would have found alone."""

import numpy as np
import pytest

from fit_avatar.body import pose_body
from fit_avatar.capture.types import Camera, Capture
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
    drawn, looked = [], []
    draw, look = frame_views.silhouette, frame_views.look
    monkeypatch.setattr(frame_views, "silhouette", lambda *given, **more: drawn.append(1) or draw(*given, **more))
    monkeypatch.setattr(frame_views, "look", lambda *given: looked.append(1) or look(*given))
    frames = [(t, np.full((CAMERA.height, CAMERA.width, 3), 20 * t, np.uint8)) for t in range(len(capture.masks))]

    shared = FrameViews(body, state, capture)
    agreement = measure_agreement(body, state, capture, frame_views=shared)
    texture = bake(body, state, capture, frames, 64, frame_views=shared)
    quality = measure_quality(body, state, capture, frame_views=shared)
    assert len(drawn) == len(looked) == len(capture.masks)

    np.testing.assert_array_equal(agreement.iou, measure_agreement(body, state, capture).iou)
    np.testing.assert_array_equal(texture.image, bake(body, state, capture, frames, 64).image)
    alone = measure_quality(body, state, capture)
    for name, array in vars(quality).items():
        np.testing.assert_array_equal(array, getattr(alone, name))
    assert len(looked) == 3 * len(capture.masks)
