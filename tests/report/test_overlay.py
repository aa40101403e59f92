"""The overlay video: readable, in H.264, with the surface where the body is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fit_avatar.body import Body, BodyState, pose_body
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.errors import BadInputError
from fit_avatar.report import draw_overlay, write_overlay
from fit_avatar.report.overlay import OVERLAY
from fit_avatar.visibility.raster import rasterize, silhouette

CAMERA = Camera(160.0, 160.0, 60.5, 80.5, 121, 161)  # odd sides


@pytest.fixture
def capture(state: BodyState) -> Capture:
    count = len(state.transl)
    return Capture(
        frame_indices=np.arange(count) * 3 + 10,
        keypoints=np.zeros((count, 25, 3), np.float32),
        masks=np.zeros((count, CAMERA.height, CAMERA.width), bool),
        camera=CAMERA,
        frame_weights=np.ones(count, np.float32),
        fps=30.0,
    )


def grey_frames(capture: Capture) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    for index in capture.frame_indices:
        yield int(index), np.full((capture.camera.height, capture.camera.width, 3), 60, np.uint8)


def test_the_video_opens_and_shows_the_body(tmp_path: Path, body: Body, state: BodyState, capture: Capture) -> None:
    steps: list[tuple[int, int]] = []
    path = write_overlay(
        tmp_path / "overlay.mp4", body, state, capture, grey_frames(capture), lambda *step: steps.append(step)
    )
    assert steps == [(i + 1, 6) for i in range(6)]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264" and stream.codec_context.pix_fmt == "yuv420p"
        assert (stream.width, stream.height) == (120, 160)
        assert float(stream.average_rate or 0) == pytest.approx(10.0)  # every third frame of 30 a second

    video = cv2.VideoCapture(str(path))
    frames = [frame for ok, frame in iter(video.read, (False, None)) if ok]
    assert len(frames) == 6
    covered = silhouette(pose_body(body, state).vertices[0], body.faces, CAMERA).numpy()[:160, :120]
    inside = cv2.erode(covered.astype(np.uint8), np.ones((7, 7))) > 0
    outside = cv2.dilate(covered.astype(np.uint8), np.ones((9, 9))) == 0
    assert frames[0][inside].mean() > 80
    assert abs(frames[0][outside].mean() - 60) < 3


def test_drawing_leaves_the_background_and_the_given_frame_alone(body: Body, state: BodyState) -> None:
    frame = np.random.default_rng(0).integers(0, 255, (161, 121, 3), np.uint8)
    before = frame.copy()
    vertices = pose_body(body, state).vertices[0]
    drawn = draw_overlay(frame, vertices, body.faces, CAMERA)
    np.testing.assert_array_equal(frame, before)
    away = cv2.dilate(silhouette(vertices, body.faces, CAMERA).numpy().astype(np.uint8), np.ones((7, 7))) == 0
    np.testing.assert_array_equal(drawn[away], frame[away])
    assert (drawn != frame).any()


def test_a_body_outside_the_picture_draws_nothing(body: Body, state: BodyState) -> None:
    frame = np.full((161, 121, 3), 60, np.uint8)
    away = pose_body(body, state).vertices[0] + 50.0
    np.testing.assert_array_equal(draw_overlay(frame, away, body.faces, CAMERA), frame)


def test_large_frames_are_shrunk(tmp_path: Path, body: Body, state: BodyState, capture: Capture) -> None:
    large = replace(CAMERA, fx=3000.0, fy=3000.0, cx=960.0, cy=1440.0, width=1920, height=2880)
    one = replace(capture, camera=large, frame_indices=capture.frame_indices[:1])
    path = write_overlay(tmp_path / "overlay.mp4", body, state, one, grey_frames(one))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (640, OVERLAY.long_side_px)


def test_an_interruption_leaves_no_half_video(tmp_path: Path, body: Body, state: BodyState, capture: Capture) -> None:
    def interrupted() -> Iterator[tuple[int, NDArray[np.uint8]]]:
        yield next(grey_frames(capture))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_overlay(tmp_path / "overlay.mp4", body, state, capture, interrupted())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_raises(tmp_path: Path, body: Body, state: BodyState, capture: Capture) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="cannot write"):
        write_overlay(tmp_path / "file" / "overlay.mp4", body, state, capture, grey_frames(capture))


def test_the_shading_runs_smoothly_over_the_triangles(body: Body, state: BodyState) -> None:
    vertices = pose_body(body, state).vertices[1]
    frame = np.full((CAMERA.height, CAMERA.width, 3), 60, np.uint8)
    drawn = draw_overlay(frame, vertices, body.faces, CAMERA)
    raster = rasterize(vertices, body.faces, CAMERA, cull_backfaces=True)
    direction = torch.nn.functional.normalize(torch.tensor(OVERLAY.light), dim=0)
    lit = OVERLAY.ambient + (1 - OVERLAY.ambient) * (vertex_normals(vertices, body.faces) @ direction).clamp_min(0)
    shade = raster.interpolate(lit[:, None], body.faces).numpy()
    expected = 60 * (1 - OVERLAY.opacity) + shade * np.array(OVERLAY.surface_bgr) * OVERLAY.opacity
    inside = cv2.erode(raster.mask.numpy().astype(np.uint8), np.ones((5, 5))) > 0  # the outline is drawn over the rest
    assert inside.sum() > 500
    assert np.abs(drawn[inside] - expected[inside]).max() < 3
