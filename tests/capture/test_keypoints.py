from __future__ import annotations

from pathlib import Path

import pytest
from cardboard import person, write_openpose

from fit_avatar.capture import load_keypoints
from fit_avatar.errors import BadInputError


def test_a_folder_or_one_file_of_openpose(tmp_path: Path) -> None:
    folder = write_openpose(tmp_path / "kp", [[person()[1]]] * 3)
    assert list(load_keypoints(folder, 3)) == [0, 1, 2]
    assert list(load_keypoints(sorted(folder.iterdir())[2])) == [2]


def test_folder_of_another_clip(tmp_path: Path) -> None:
    folder = write_openpose(tmp_path / "kp", [[person()[1]]] * 10)
    with pytest.raises(BadInputError, match="up to frame 9 but the video has 4 frames"):
        load_keypoints(folder, 4)
    with pytest.raises(BadInputError, match="keypoints for 10 frames"):
        load_keypoints(folder, 100)


def test_frames_that_the_video_lacks_are_left_out_and_said(tmp_path: Path) -> None:
    folder = write_openpose(tmp_path / "kp", [[person()[1]]] * 11)
    given = load_keypoints(folder, 10)
    assert list(given) == list(range(10))
    assert given.warnings == ("The keypoints in kp are for 1 frame more than the video's 10: left out.",)
    only = tmp_path / "only"
    only.mkdir()
    (folder / "clip_000000000010_keypoints.json").rename(only / "000011_keypoints.json")
    with pytest.raises(BadInputError, match="for none of the video's frames 0 to 9"):
        load_keypoints(only, 10)


def test_not_keypoints(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"^there are no keypoints .*none: check the path$"):
        load_keypoints(tmp_path / "none")
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(BadInputError, match=r"a\.txt holds no keypoints that can be read: give a folder"):
        load_keypoints(tmp_path / "a.txt")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(BadInputError, match=r"a\.json is not readable JSON"):
        load_keypoints(tmp_path / "a.json")
