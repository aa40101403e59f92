from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from movies import HEIGHT, WIDTH, scene, write, write_rgba

from fit_avatar.capture.frames.matte import NEUTRAL, composed
from fit_avatar.capture.mattes import Mattes
from fit_avatar.capture.video import frame_times, probe, read_frames, read_raw

INSIDE = np.zeros((HEIGHT, WIDTH), bool)
INSIDE[20:80, 40:100] = True


def alphas(count: int) -> list[np.ndarray]:
    return [INSIDE.astype(np.uint8) * 255] * count


def transparent(folder: Path, name: str) -> Path:
    frames = scene(4)
    if name == "pictures":
        (folder / name).mkdir()
        for k, (frame, alpha) in enumerate(zip(frames, alphas(4), strict=True)):
            cv2.imwrite(str(folder / name / f"{k}.png"), np.dstack([frame, alpha]))
        return folder / name
    codecs = {
        "a.webm": ("libvpx-vp9", "yuva420p"),
        "b.webm": ("libvpx", "yuva420p"),
        "a.mov": ("prores_ks", "yuva444p10le"),
        "b.mov": ("png", "rgba"),
        "a.mkv": ("ffv1", "bgra"),
    }
    return write_rgba(folder / name, frames, alphas(4), *codecs[name])


@pytest.mark.parametrize("name", ["a.webm", "b.webm", "a.mov", "b.mov", "a.mkv", "pictures"])
def test_transparency_is_the_mask(tmp_path: Path, name: str) -> None:
    path = transparent(tmp_path, name)
    assert probe(path).has_matte
    given = Mattes(path, 4, (WIDTH, HEIGHT))
    masks = given.read([1, 3])
    assert list(masks) == [1, 3] and given.warnings == (
        f"{path.name} is transparent around the person; this is taken as the masks.",
    )
    assert all((mask != INSIDE).mean() < 0.01 for mask in masks.values())
    for (_, frame), filmed in zip(read_frames(path), scene(4), strict=True):
        inner, outer = (cv2.erode(part.astype(np.uint8), np.ones((9, 9))) > 0 for part in (INSIDE, ~INSIDE))
        assert np.abs(frame[outer].astype(int) - NEUTRAL).max() < 6
        assert np.abs(frame[inner].astype(int) - filmed[inner]).mean() < 4
    assert next(iter(read_raw(path, [0])))[1].shape == (HEIGHT, WIDTH, 4)


def test_an_animated_gif(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    pictures = [
        pillow.fromarray(np.dstack([frame[..., ::-1], alpha])) for frame, alpha in zip(scene(3), alphas(3), strict=True)
    ]
    path = tmp_path / "a.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[40, 80, 40], disposal=2)
    assert probe(path).has_matte and frame_times(path) == pytest.approx([0, 0.04, 0.12])
    assert all((mask == INSIDE).all() for mask in Mattes(path, 3, (WIDTH, HEIGHT)).read([0, 2]).values())


def test_opaque_clips_have_no_matte(tmp_path: Path) -> None:
    opaque = [np.full((HEIGHT, WIDTH), 255, np.uint8)] * 3
    assert not probe(write_rgba(tmp_path / "a.mkv", scene(3), opaque, "ffv1", "bgra")).has_matte
    assert not probe(write(tmp_path / "a.mp4", scene(2))).has_matte


def test_edges_are_mixed_with_the_background() -> None:
    picture, alpha = np.full((1, 3, 3), 240, np.uint8), np.array([[0, 128, 255]], np.uint8)
    assert composed(picture, alpha)[0, :, 0].tolist() == pytest.approx([NEUTRAL, 184, 240], abs=1)
    assert composed(picture, None) is picture
