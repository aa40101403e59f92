"""Nobody in a clip is scene: where everybody is, and a camera that stands still behind somebody who moves."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from cardboard import person, write_video

from fit_avatar.capture.camera_path import CameraMotion
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.clip import Clip
from fit_avatar.capture.config import DEFAULT_CAPTURE
from fit_avatar.capture.follow_camera import follow_camera
from fit_avatar.capture.types import Camera
from fit_avatar.capture.whereabouts import everybody

WIDTH, HEIGHT, FRAMES = 512, 384, 12
CAMERA = Camera(500.0, 500.0, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT)
SIZE = (WIDTH, HEIGHT)


def passing(t: int) -> float:
    return -150.0 + 12.0 * t


def cast(unseen: range = range(0)) -> Cast:
    """One who stands and one who passes, who is not seen in some frames."""
    still = {t: person(150.0, WIDTH, HEIGHT)[1] for t in range(FRAMES)}
    other = {t: person(passing(t), WIDTH, HEIGHT)[1] for t in range(FRAMES) if t not in unseen}
    return Cast.of(range(FRAMES), [still, other])


def test_everybody_is_covered_and_the_scene_is_not() -> None:
    mask = everybody(cast(), 4, SIZE, (HEIGHT // 2, WIDTH // 2))
    for shift in (150.0, passing(4)):
        figure = cv2.resize(person(shift, WIDTH, HEIGHT)[0].astype(np.uint8), mask.shape[::-1]) > 0
        assert mask[figure].all()
    assert mask.mean() < 0.65 and not mask[:, :5].any()


@pytest.mark.parametrize(("unseen", "covered"), [(range(4, 7), True), (range(4, FRAMES), True), (range(FRAMES), False)])
def test_who_is_hidden_for_a_while_is_still_there(unseen: range, covered: bool) -> None:
    figure, _ = person(passing(4), WIDTH, HEIGHT)
    body = figure & (np.arange(WIDTH) < WIDTH / 2 + passing(3))  # what lies before the last place stays covered
    mask = everybody(cast(unseen), 4, SIZE, (HEIGHT, WIDTH))
    assert mask[body].all() == covered


def found_motion(folder: Path, known: Cast | None, shake_deg: float = 0.0) -> CameraMotion:
    """Return the motion of a camera before a smooth wall, past which somebody in speckled clothes walks.

    It shakes about its view, so that people stay about where they are.
    """
    rng = np.random.default_rng(3)
    wall = cv2.resize(rng.normal(0, 2.5, (24, 32)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC)
    speckles = cv2.resize(rng.integers(0, 255, (HEIGHT // 4, WIDTH // 4), np.uint8), SIZE)
    frames, own = [], {}
    for t in range(FRAMES):
        other, _ = person(passing(t), WIDTH, HEIGHT)
        shifted = np.roll(speckles, round(passing(t)), 1)
        grey = np.where(other, shifted, 120 + wall + rng.normal(0, 0.7, wall.shape)).clip(0, 255).astype(np.uint8)
        turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), shake_deg * float(rng.uniform(-1, 1)), 1.0)
        grey = cv2.warpAffine(grey, turn, SIZE, borderMode=cv2.BORDER_REFLECT)
        frames.append(np.repeat(grey[..., None], 3, 2))
        own[t] = person(150.0, WIDTH, HEIGHT)[0]
    video = write_video(folder / "passing.mp4", frames)
    return follow_camera(Clip(video), own, known, CAMERA, "auto", DEFAULT_CAPTURE.camera_motion, lambda *_: None)


def test_somebody_who_passes_does_not_move_the_camera(tmp_path: Path) -> None:
    with_them, without = found_motion(tmp_path, None), found_motion(tmp_path, cast())
    assert with_them.moves and with_them.extent_deg > 1  # their corners are taken for the scene's
    assert not without.moves and without.told and without.gaps == 0


def test_a_camera_that_shakes_before_two_people_is_still_told(tmp_path: Path) -> None:
    shaken = found_motion(tmp_path, cast(), shake_deg=2.0)
    assert shaken.mode == "handheld" and shaken.told and 1.0 < shaken.extent_deg < 3.0
