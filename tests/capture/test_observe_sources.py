"""A clip is observed alike whatever kind of source it is."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from cardboard import HEIGHT, WIDTH, FigureDetector, frame, person, write_masks, write_openpose, write_video

from fit_avatar.capture import observe
from fit_avatar.capture.camera import camera_from
from fit_avatar.capture.source import Source
from lib.encodings import write_rgba

CAMERA, _ = camera_from(WIDTH, HEIGHT, focal_px=150)
SHIFTS = [float(s) for s in range(-12, 12, 2)]
NUMBERS = [10 + k for k in range(len(SHIFTS))]


@pytest.fixture
def keypoints(tmp_path: Path) -> Path:
    return write_openpose(tmp_path / "keypoints", [[person(s)[1]] for s in SHIFTS])


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    return write_masks(tmp_path / "masks", [person(s)[0] for s in SHIFTS])


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of pictures that are numbered from 10."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, shift in zip(NUMBERS, SHIFTS, strict=True):
        cv2.imwrite(str(folder / f"img_{number:04d}.png"), frame(shift))
    return folder


def test_pictures_are_a_clip(pictures: Path, masks: Path, keypoints: Path) -> None:
    capture = observe(pictures, camera=CAMERA, keypoints=keypoints, masks=masks)
    assert capture.frame_indices.tolist() == list(range(12)) and capture.fps == 30.0
    assert any("30 are assumed: say them with --fps" in warning for warning in capture.warnings)
    assert np.allclose(capture.keypoints[3], person(SHIFTS[3])[1], atol=1e-3)
    again = observe(pictures / "img_%04d.png", camera=CAMERA, keypoints=keypoints, masks=masks, fps=12)
    assert again.times_s.tolist() == [k / 12 for k in range(12)]
    assert not any("--fps" in warning for warning in again.warnings)
    assert (again.masks == capture.masks).all()


@pytest.mark.parametrize("name", ["img_{:04d}", "{:d}", "img_{:04d}_mask"])
def test_masks_and_keypoints_of_some_pictures_are_paired_by_number(
    pictures: Path, masks: Path, keypoints: Path, name: str
) -> None:
    for k, number in enumerate(NUMBERS):
        (masks / f"mask_{k:04d}.png").rename(masks / f"{name.format(number)}.png")
        (keypoints / f"clip_{k:012d}_keypoints.json").rename(keypoints / f"img_{number:04d}_keypoints.json")
    for number in (11, 15):
        (masks / f"{name.format(number)}.png").unlink()
        (keypoints / f"img_{number:04d}_keypoints.json").unlink()
    capture = observe(pictures, camera=CAMERA, keypoints=keypoints, masks=masks)
    assert capture.frame_indices.tolist() == [k for k in range(12) if k not in (1, 5)]
    for points, mask, k in zip(capture.keypoints, capture.masks, capture.frame_indices, strict=True):
        assert np.allclose(points, person(SHIFTS[k])[1], atol=1e-3)
        assert (mask == person(SHIFTS[k])[0]).mean() > 0.99


def test_the_source_reads_pictures_again(pictures: Path, masks: Path, keypoints: Path) -> None:
    source = Source.of(video=pictures, camera=CAMERA, keypoints=keypoints, masks=masks, fps=24)
    capture = source.observe()
    assert capture.fps == 24 and source.frame_times().tolist() == [k / 24 for k in range(12)]
    seen = dict(source.pictures(capture))
    assert list(seen) == list(range(12)) and (seen[4] == frame(SHIFTS[4])).all()
    assert len(source.files()) == 14 and source.files()[0].name == "img_0010.png"


@pytest.mark.parametrize("given", [False, True])
def test_transparency_is_the_mask_unless_masks_are_given(tmp_path: Path, keypoints: Path, given: bool) -> None:
    alphas = [person(s)[0].astype(np.uint8) * 255 for s in SHIFTS]
    clip = write_rgba(tmp_path / "a.mov", [frame(s) for s in SHIFTS], alphas, "png", "rgba")
    everywhere = np.any([person(s)[0] for s in SHIFTS], 0).astype(np.uint8)
    drawn = cv2.dilate(everywhere, np.ones((3, 3), np.uint8)) > 0
    masks = write_masks(tmp_path / "drawn", [drawn] * len(SHIFTS)) if given else None
    capture = observe(clip, camera=CAMERA, keypoints=keypoints, masks=masks)
    said = "a.mov is transparent around the person; this is taken as the masks."
    assert (said in capture.warnings) != given
    assert capture.sources["masks"] == ("drawn" if given else "the clip's transparency")
    expected = drawn if given else person(SHIFTS[3])[0]
    assert (capture.masks[3] == expected).mean() > 0.99


def test_a_mask_video_with_transparency(tmp_path: Path, keypoints: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", [frame(s) for s in SHIFTS])
    alphas = [person(s)[0].astype(np.uint8) * 255 for s in SHIFTS]
    masks = write_rgba(tmp_path / "masks.mov", [frame(s) for s in SHIFTS], alphas, "png", "rgba")
    capture = observe(clip, camera=CAMERA, keypoints=keypoints, masks=masks)
    assert (capture.masks[3] == person(SHIFTS[3])[0]).mean() > 0.99


@pytest.mark.parametrize("given", [False, True])
def test_frames_have_the_times_of_the_file(
    tmp_path: Path, keypoints: Path, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    monkeypatch.setattr(sys.modules["fit_avatar.capture.observer"], "MediaPipeDetector", FigureDetector)
    times = [0, 40, 90, 100, 180, 200, 240, 300, 310, 400, 440, 500]
    clip = write_video(tmp_path / "clip.mkv", [frame(s) for s in SHIFTS], times_ms=times)
    capture = observe(clip, camera=CAMERA, keypoints=keypoints if given else None, frames=6)
    assert capture.stated_times_s is not None and len(capture.frame_indices) == 6
    assert capture.times_s == pytest.approx([times[k] / 1000 for k in capture.frame_indices])
    assert capture.fps == pytest.approx(11 / 0.5)
    assert "The clip's frames are 0.01 to 0.09 s apart; their own times are used." in capture.warnings
    even = write_video(tmp_path / "even.mkv", [frame(s) for s in SHIFTS])
    assert observe(even, camera=CAMERA, keypoints=keypoints).stated_times_s is None
