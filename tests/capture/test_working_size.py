"""Very large pictures are used at a smaller size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from cardboard import HEIGHT, WIDTH, frame, person, write_masks, write_openpose, write_video

from fit_avatar.capture import observe, observe_images, working_size
from fit_avatar.capture.camera import camera_from
from fit_avatar.capture.clip import Clip
from fit_avatar.capture.source import Source
from fit_avatar.capture.working_size import MAX_SIDE_PX, at_size, working_camera
from fit_avatar.errors import BadInputError

SHIFTS = [float(s) for s in range(-12, 12, 2)]
SMALL = WIDTH // 2, HEIGHT // 2


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a picture of 96 × 128 pixels for a very large one."""
    monkeypatch.setattr(working_size, "MAX_SIDE_PX", HEIGHT // 2)


def test_8k_is_used_at_4k_and_smaller_pictures_as_they_are() -> None:
    assert working_size.working_size(7680, 4320) == (3840, 2160)
    assert working_size.working_size(4320, 7680) == (2160, 3840)
    for size in ((3840, 2160), (1080, 1920), (320, 240), (MAX_SIDE_PX, 50)):
        assert working_size.working_size(*size) == size
    assert (
        working_size.working_size(1920, 1080, 512) == (512, 288) and working_size.working_size(320, 240, 512)[0] == 320
    )
    picture = np.zeros((4, 6, 3), np.uint8)
    assert at_size(picture, 6, 4) is picture and at_size(picture, 3, 2).shape == (2, 3, 3)


def test_the_camera_sees_the_same_directions() -> None:
    camera, _ = camera_from(7680, 4320, focal_px=6000)
    used, notes = working_camera(replace(camera, cx=3000.0, k=(0.1, 0, 0, 0, 0)))
    assert (used.fx, used.fy, used.cx, used.width, used.height, used.k[0]) == (3000, 3000, 1500, 3840, 2160, 0.1)
    assert "7680 × 4320 pixels are used at 3840 × 2160" in notes[0]
    small, _ = camera_from(1920, 1080, focal_px=1500)
    assert working_camera(small) == (small, ())
    assert working_camera(small, 480) == (small.fitted_to(480, 270), ())  # as it was asked for


@pytest.mark.usefixtures("limit")
def test_a_large_video_with_its_keypoints_masks_and_camera(tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mp4", [frame(s) for s in SHIFTS])
    masks = write_masks(tmp_path / "masks", [person(s)[0] for s in SHIFTS])
    keypoints = write_openpose(tmp_path / "keypoints", [[person(s)[1]] for s in SHIFTS])
    source = Source.of(video=video, keypoints=keypoints, masks=masks, focal_px=150.0)
    capture = source.observe()
    assert capture.masks.shape == (12, SMALL[1], SMALL[0])
    assert (capture.camera.width, capture.camera.fx, capture.camera.cx) == (SMALL[0], 75.0, WIDTH / 4)
    assert np.allclose(capture.keypoints[3][:, :2], person(SHIFTS[3])[1][:, :2] / 2, atol=1e-2)
    assert any("are used at 48 × 64" in warning for warning in capture.warnings)
    pictures = dict(source.pictures(capture))
    assert len(pictures) == 12 and {p.shape for p in pictures.values()} == {(SMALL[1], SMALL[0], 3)}
    assert pictures[3][..., 2][capture.masks[3]].mean() > pictures[3][..., 2][~capture.masks[3]].mean()
    truth = cv2.resize(person(SHIFTS[3])[0].astype(np.uint8), SMALL, interpolation=cv2.INTER_AREA) > 0
    assert (capture.masks[3] & truth).sum() / (capture.masks[3] | truth).sum() > 0.9


@pytest.mark.usefixtures("limit")
def test_large_photographs(tmp_path: Path) -> None:
    for i, shift in enumerate((-4.0, 4.0)):
        cv2.imwrite(str(tmp_path / f"{i}.png"), frame(shift))
    masks = write_masks(tmp_path / "masks", [person(s)[0] for s in (-4.0, 4.0)])
    keypoints = write_openpose(tmp_path / "keypoints", [[person(s)[1]] for s in (-4.0, 4.0)])
    camera, _ = camera_from(WIDTH, HEIGHT, focal_px=150)
    capture = observe_images(
        [tmp_path / "0.png", tmp_path / "1.png"], camera=camera, keypoints=keypoints, masks=masks
    )  # fmt: skip
    assert capture.masks.shape == (2, SMALL[1], SMALL[0]) and capture.camera.fx == 75.0
    assert np.allclose(capture.keypoints[0][:, :2], person(-4.0)[1][:, :2] / 2, atol=1e-2)


@pytest.mark.usefixtures("limit")
def test_frames_are_kept_at_that_size(tmp_path: Path) -> None:
    clip = Clip(write_video(tmp_path / "clip.mp4", [frame(s) for s in SHIFTS]))
    assert (clip.info.width, clip.info.height) == (WIDTH, HEIGHT) and (clip.width, clip.height) == SMALL
    shapes = {picture.shape for _ in range(2) for _, picture in clip.frames([1, 4])}
    assert shapes == {(SMALL[1], SMALL[0], 3)}


def test_a_camera_of_another_size_is_still_refused(tmp_path: Path) -> None:
    camera, _ = camera_from(WIDTH // 2, HEIGHT // 2, focal_px=75)
    with pytest.raises(BadInputError, match="the camera is for 48 × 64 pixels but"):
        observe(write_video(tmp_path / "clip.mp4", [frame(s) for s in SHIFTS]), camera=camera)
