from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from movies import scene, set_matrix, write

from fit_avatar.capture.frames.upright import Upright
from fit_avatar.capture.video import probe, read_frames

TURNS = {
    (1, 0, 0, 1): (0, False, lambda p: p),
    (0, 1, -1, 0): (90, False, lambda p: np.rot90(p, -1)),
    (-1, 0, 0, -1): (180, False, lambda p: np.rot90(p, 2)),
    (0, -1, 1, 0): (270, False, lambda p: np.rot90(p)),
    (-1, 0, 0, 1): (0, True, np.fliplr),
    (1, 0, 0, -1): (180, True, np.flipud),
    (0, 1, 1, 0): (270, True, lambda p: np.swapaxes(p, 0, 1)),
    (0, -1, -1, 0): (90, True, lambda p: np.rot90(np.swapaxes(p, 0, 1), 2)),
}
"""Display matrix → clockwise degrees, mirrored, and what is to be seen of a stored picture."""


@pytest.mark.parametrize("matrix", TURNS)
def test_turned_and_mirrored_files_stand_upright(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    degrees, mirrored, shown = TURNS[matrix]
    plain = [frame for _, frame in read_frames(write(tmp_path / "plain.mp4", scene(2)))]
    turned = set_matrix(write(tmp_path / "turned.mp4", scene(2)), *matrix)
    info, read = probe(turned), [frame for _, frame in read_frames(turned)]
    assert all((a == shown(b)).all() for a, b in zip(read, plain, strict=True))
    assert (info.rotation, info.mirrored) == (degrees, mirrored)
    assert (info.height, info.width) == read[0].shape[:2]


@pytest.mark.parametrize("matrix", TURNS)
def test_rotation_is_what_remains_after_mirroring(matrix: tuple[int, int, int, int]) -> None:
    a, b, c, d = (value << 16 for value in matrix)
    turn = Upright.of(np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], np.int32).tobytes(), None)
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    step = np.fliplr(picture) if turn.mirrored else picture
    assert (turn.apply(picture) == np.rot90(step, -turn.rotation // 90)).all()


@pytest.mark.parametrize(("aspect", "size"), [((4, 3), (213, 96)), ((3, 4), (160, 128)), ((1, 1), (160, 96))])
def test_pixels_become_square(tmp_path: Path, aspect: tuple[int, int], size: tuple[int, int]) -> None:
    path = write(tmp_path / "a.mp4", scene(1), aspect=Fraction(*aspect))
    info, (_, frame) = probe(path), next(iter(read_frames(path)))
    assert (info.width, info.height) == size and frame.shape == (size[1], size[0], 3)
    plain = next(iter(read_frames(write(tmp_path / "b.mp4", scene(1)))))[1]
    assert abs(float(frame.mean()) - float(plain.mean())) < 1
    said = f"The pixels of a.mp4 are not square; its 160 × 96 pixels were stretched to {size[0]} × {size[1]}"
    assert [note.startswith(said) for note in info.notes] == ([True] if size != (160, 96) else [])


@pytest.mark.parametrize("aspect", [Fraction(0), Fraction(999, 1000), Fraction(1000, 1), None])
def test_impossible_and_rounded_pixels_are_square(aspect: Fraction | None) -> None:
    assert Upright.of(None, aspect) == Upright()
