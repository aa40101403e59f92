from pathlib import Path

import numpy as np
import pytest

from fit_avatar.io.kinds import held_by, is_picture, is_video, kind_of, may_be_video, misfit, video_remedy


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.mp4", b"", "an empty file"),
        ("a.mp4", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        ("a.mp4", b"\n<!DOCTYPE html><html>log in", "a web page"),
        ("a.mp4", b"\x00\x00\x00\x18ftypisom\x00\x00", "an MP4 or QuickTime video"),
        ("a.jpg", b"\x00\x00\x00\x18ftypheic\x00\x00", "a HEIC picture"),
        ("a.jpg", b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        ("a.webp", b"RIFF\x00\x00\x00\x00WEBP", "a WebP picture"),
        ("a.npz", b"PK\x03\x04", "a file of NumPy arrays"),
        ("a.zip", b"PK\x03\x04", "a ZIP archive"),
        ("a.pt", b"PK\x03\x04", "a file of PyTorch"),
        ("a.txt", '{"größe": 1}'.encode(), "a JSON file"),
        ("a.json", "Straße".encode(), "a text file"),
        ("a.bin", b"\x00\x01\x02", ""),
        ("a.txt", b"   ", ""),
    ],
)
def test_files_are_known_by_their_content(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert kind_of(tmp_path / name).startswith(kind) and bool(kind) == bool(kind_of(tmp_path / name))


def test_text_is_known_though_the_last_character_is_cut(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("ß".encode() * 2048 + "€".encode())
    (tmp_path / "b").write_bytes(b"x" + "ß".encode() * 4096)
    assert kind_of(tmp_path / "a") == kind_of(tmp_path / "b") == "a text file"


def test_folders_are_known_by_what_they_hold(tmp_path: Path) -> None:
    assert held_by(tmp_path) == "nothing"
    for name in ("1.json", "2.JSON", "3.png", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "below").mkdir()
    assert held_by(tmp_path) == "2 .json files, 1 .png file and 1 folder"
    assert kind_of(tmp_path).endswith(held_by(tmp_path))
    assert kind_of(tmp_path / "no such file") == ""


def test_the_sentence_says_what_was_given_and_what_to_do(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    assert misfit(tmp_path / "a.npz", "a video", "give the clip").endswith(
        "a.npz is a file of NumPy arrays (.npz), not a video: give the clip"
    )
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(b"\x00\x00\x00\x18ftypisom")
    assert "begins like an MP4 or QuickTime video but cannot be read" in misfit(cut, "a video", "x", "copy it again")
    assert misfit(cut, "a video", "x", "copy it again").endswith("so copy it again")
    cut.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert misfit(cut, "a video", "x").endswith("run git lfs pull in its folder")
    cut.write_bytes(b"\xff\xd8\xff")
    assert "--image" in video_remedy(cut) and is_picture(cut) and not is_video(cut) and not may_be_video(cut)
