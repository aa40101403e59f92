"""What is kept of the pictures is what the frames show of the person, up to a total, and until its last use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cardboard import HEIGHT, WIDTH, frame, person, write_masks, write_openpose, write_video

from fit_avatar.capture import Capture
from fit_avatar.capture.camera import camera_from
from fit_avatar.capture.frames.video import VideoFile
from fit_avatar.capture.kept_pictures import MARGIN_PX, KeptPictures, Part
from fit_avatar.capture.source import Source, used_up

SHIFTS = [float(s) for s in range(-12, 12, 2)]
PINHOLE, _ = camera_from(WIDTH, HEIGHT, focal_px=150)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(
        PINHOLE,
        write_video(tmp_path / "clip.mp4", [frame(s) for s in SHIFTS]),
        masks=write_masks(tmp_path / "masks", [person(s)[0] for s in SHIFTS]),
        keypoints=write_openpose(tmp_path / "keypoints", [[person(s)[1]] for s in SHIFTS]),
    )


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each frame was decoded."""
    times: Counter[int] = Counter()
    decode = VideoFile.decode

    def counted(self: VideoFile, *args: Any) -> Iterator[Any]:
        for each in decode(self, *args):
            times[each.index] += 1
            yield each

    monkeypatch.setattr(VideoFile, "decode", counted)
    return times


def observed(source: Source, most_bytes: int = 10**9) -> tuple[Capture, KeptPictures]:
    kept = replace(source.no_pictures(), most_bytes=most_bytes)
    return source.observe(kept=kept), kept


@pytest.mark.parametrize("k", [(0.0, 0.0, 0.0, 0.0, 0.0), (-0.2, 0.05, 0.0, 0.0, 0.0)])
def test_the_person_is_as_in_the_whole_pictures(source: Source, k: tuple[float, ...]) -> None:
    source = replace(source, camera=replace(source.camera, k=k))
    capture, kept = observed(source)
    whole, there = dict(source.pictures(capture)), dict(source.pictures(capture, kept))
    assert list(there) == list(whole) == capture.frame_indices.tolist()
    for mask, index in zip(capture.masks, whole, strict=True):
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        near = np.zeros_like(mask)
        near[
            max(rows[0] - MARGIN_PX, 0) : rows[-1] + MARGIN_PX, max(columns[0] - MARGIN_PX, 0) : columns[-1] + MARGIN_PX
        ] = 1
        assert (there[index] == whole[index])[near].all() and there[index].shape == whole[index].shape


def test_a_picture_is_black_away_from_the_person() -> None:
    mask = np.zeros((200, 300), bool)
    mask[80:100, 100:120] = True
    part = Part.around(np.full((200, 300, 3), 7, np.uint8), mask)
    picture = part.picture()
    assert part.image.base is None and part.image.shape == (70, 70, 3)
    assert (picture[55:125, 75:145] == 7).all() and picture.sum() == 7 * part.image.size


def test_a_picture_of_nobody_is_kept_whole() -> None:
    picture = np.full((20, 30, 3), 7, np.uint8)
    assert (Part.around(picture, np.zeros((20, 30), bool)).picture() == picture).all()


def test_every_frame_is_decoded_once(source: Source, decoded: Counter[int]) -> None:
    capture, kept = observed(source)
    for _ in range(3):
        assert len(list(source.pictures(capture, kept))) == len(SHIFTS)
    first = decoded.pop(0)  # says what the clip is: its size, and whether it holds masks
    assert first <= 2 and set(decoded.values()) == {1} and len(decoded) == len(SHIFTS) - 1


def test_what_does_not_fit_is_decoded_again(source: Source, decoded: Counter[int]) -> None:
    fitting, _ = observed(source)
    capture, kept = observed(source, most_bytes=3 * WIDTH * HEIGHT * 3)
    assert not any(index in kept for index in range(len(SHIFTS)))
    before = decoded.copy()
    pictures = dict(source.pictures(capture, kept))
    assert decoded - before == Counter(range(len(SHIFTS)))
    assert (pictures[3] == dict(source.pictures(fitting))[3]).all()


def test_the_total_is_bounded() -> None:
    kept, part = KeptPictures(PINHOLE, 1000), Part(np.zeros((10, 20, 3), np.uint8), 0, 0, (10, 20))
    kept.keep(0, part)
    assert 0 in kept
    kept.keep(1, part)
    assert 0 not in kept and 1 not in kept
    kept.keep(2, part)
    assert 2 not in kept and kept.part(frame(), person()[0]) is None


def test_the_last_one_takes_pictures_out(source: Source, decoded: Counter[int]) -> None:
    capture, kept = observed(source)
    before = decoded.copy()
    pictures = used_up(source.pictures(capture, kept))
    for index, _ in pictures:
        assert index not in kept and (index + 1 in kept or index == len(SHIFTS) - 1)
    assert decoded == before
    assert len(list(pictures)) == len(SHIFTS) and decoded != before
    others = [(0, frame())]
    assert used_up(others) is others
