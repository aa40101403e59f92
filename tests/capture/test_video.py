from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from cardboard import frame, write_video

from fit_avatar.capture.video import count_frames, frame_times, probe, read_frames
from fit_avatar.errors import BadInputError


def numbered(count: int) -> list[np.ndarray]:
    """Frames whose brightness encodes their index."""
    return [np.full((64, 96, 3), 20 + 10 * i, np.uint8) for i in range(count)]


def test_reads_every_frame_in_order(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered(12))
    info = probe(path)
    assert (info.width, info.height, info.rotation) == (96, 64, 0)
    assert info.fps == pytest.approx(25.0, abs=0.5)
    seen = list(read_frames(path))
    assert [i for i, _ in seen] == list(range(12))
    assert [round(float(f.mean())) for _, f in seen] == pytest.approx([20 + 10 * i for i in range(12)], abs=4.5)


def test_chosen_frames_are_the_right_ones(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered(12))
    picked = {i: float(f.mean()) for i, f in read_frames(path, [7, 2, 11])}
    assert list(picked) == [2, 7, 11]
    assert picked[7] == pytest.approx(90, abs=4.5)
    assert list(read_frames(path, [])) == []


def test_variable_rate_and_silent_header(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", numbered(6), times_ms=[0, 40, 200, 210, 500, 900])
    assert count_frames(path) == 6
    assert [i for i, _ in read_frames(path)] == list(range(6))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_applied_exactly_once(tmp_path: Path, degrees: int) -> None:
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:16, :24] = 255  # the top left corner is bright
    turns = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}
    path = write_video(tmp_path / "a.mp4", [cv2.rotate(upright, turns[degrees])] * 3)
    set_rotation(path, degrees)
    info = probe(path)
    assert (info.width, info.height, info.rotation) == (96, 64, degrees)
    _, first = next(iter(read_frames(path)))
    assert first.shape == (64, 96, 3)
    assert first[:12, :20].mean() > 230 and first[32:, 48:].mean() < 20


def set_rotation(path: Path, degrees: int) -> None:
    """Write a display matrix into the track header, as phones do (clockwise degrees)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = [cos << 16, sin << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30]
    data[at : at + 36] = b"".join((v & 0xFFFFFFFF).to_bytes(4, "big") for v in matrix)
    path.write_bytes(data)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"^there is no video .*missing\.mp4: check the path$"):
        probe(tmp_path / "missing.mp4")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(
        BadInputError, match=r"there are no pictures in the folder .*: give a folder of JPEG or PNG files"
    ):
        probe(tmp_path)


def test_not_a_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(BadInputError, match=r"a\.mp4 is a text file, not a video: give the clip itself"):
        probe(tmp_path / "a.mp4")


def test_no_frame_decodes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [frame() for _ in range(4)])
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    path.write_bytes(data)
    with pytest.raises(BadInputError, match=r"no frame of .*a\.mp4 can be decoded"):
        probe(path)


def test_frames_that_cannot_be_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise av.error.InvalidDataError(1, "Not yet implemented")

    monkeypatch.setattr("fit_avatar.capture.frames.colour.Converter.convert", fail)
    path = write_video(tmp_path / "a.mp4", numbered(2))
    with pytest.raises(
        BadInputError,
        match=r"^the frames of .*a\.mp4 \(yuv420p\) cannot be converted \(not yet implemented\): re-encode",
    ):
        probe(path)


def test_a_damaged_clip_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", numbered(12))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    path.write_bytes(data)
    frames = list(read_frames(path))
    assert 3 <= len(frames) <= 12 and count_frames(path) == len(frames) == len(frame_times(path))


def test_a_size_that_changes(tmp_path: Path) -> None:
    for name, size in (("1.ts", (64, 96)), ("2.ts", (96, 64))):
        write_video(tmp_path / name, [np.full((*size, 3), 90, np.uint8)] * 6)
    path = tmp_path / "a.ts"
    path.write_bytes((tmp_path / "1.ts").read_bytes() + (tmp_path / "2.ts").read_bytes())
    with pytest.raises(BadInputError, match=r"a\.ts changes its picture size at frame \d+: re-encode it to one size"):
        list(read_frames(path))


def test_no_address_is_opened(tmp_path: Path) -> None:
    playlist = tmp_path / "a.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(BadInputError, match=r"a\.m3u8"):
        probe(playlist)
