from __future__ import annotations

from pathlib import Path

import pytest

from fit_avatar.errors import BadInputError
from fit_avatar.io.sequences import clip_name, is_pattern, is_sequence, require_clip


def test_patterns() -> None:
    assert all(map(is_pattern, ("%d.png", "a%05d.png", "*.png", "a?.jpg", "a[0-9].jpg")))
    assert not any(map(is_pattern, ("a.png", "100%.png", "%s.png", "a]b.png")))


def test_a_file_comes_before_the_pattern_it_is_called_like(tmp_path: Path) -> None:
    (tmp_path / "a[1].mp4").write_bytes(b"")
    assert not is_sequence(tmp_path / "a[1].mp4") and is_sequence(tmp_path / "a[2].mp4") and is_sequence(tmp_path)


def test_names_of_clips(tmp_path: Path) -> None:
    (tmp_path / "anna").mkdir()
    assert clip_name(Path("a/anna.mov")) == "anna"
    assert clip_name(tmp_path / "anna") == clip_name(tmp_path / "anna" / "%05d.png") == "anna"


def test_what_is_not_there(tmp_path: Path) -> None:
    require_clip(tmp_path)
    require_clip(tmp_path / "%05d.png")
    with pytest.raises(BadInputError, match="there is no video file"):
        require_clip(tmp_path / "a.mp4")
    with pytest.raises(BadInputError, match=r"there is no folder of the pictures \*\.png: .*missing: check the path"):
        require_clip(tmp_path / "missing" / "*.png")
