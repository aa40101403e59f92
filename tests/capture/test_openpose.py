from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cardboard import person, write_openpose

from fit_avatar.capture.openpose import from_coco_18, load_openpose, read_people
from fit_avatar.errors import BadInputError


def test_reads_body_25_and_empty_frames(tmp_path: Path) -> None:
    _, points = person()
    people = load_openpose(write_openpose(tmp_path / "kp", [[points], [], [points, points + 1]]), 3)
    assert [len(people[i]) for i in range(3)] == [1, 0, 2]
    assert np.allclose(people[0][0], points)


def test_coco_18_gets_a_mid_hip_when_both_hips_are_seen(tmp_path: Path) -> None:
    coco = np.zeros((18, 3), np.float32)
    coco[8], coco[11], coco[17] = (10, 50, 0.8), (20, 54, 0.6), (5, 5, 0.7)
    body = from_coco_18(coco)
    assert body[8].tolist() == pytest.approx([15, 52, 0.6])
    assert body[18].tolist() == pytest.approx([5, 5, 0.7])
    assert (body[19:] == 0).all()
    coco[11, 2] = 0
    assert from_coco_18(coco)[8, 2] == 0
    path = tmp_path / "frame_7.json"
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": coco.ravel().tolist()}]}))
    assert read_people(path).shape == (1, 25, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"people": [', "not readable JSON"),
        ('{"people": [{"pose_keypoints_2d": [NaN' + ", 0" * 74 + "]}]}", "not a finite number"),
        ('{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}', "holds 3 numbers"),
        ('{"people": [{"pose_keypoints_2d": ["a", 2, 3]}]}', "not a finite number"),
        ('{"people": [{}]}', "not a finite number"),
        ("[]", "no list 'people'"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a_3.json").write_text(text)
    with pytest.raises(BadInputError, match=message) as caught:
        load_openpose(tmp_path)
    assert "a_3.json" in str(caught.value)


def test_folder_of_another_clip(tmp_path: Path) -> None:
    _, points = person()
    folder = write_openpose(tmp_path / "kp", [[points]] * 10)
    with pytest.raises(BadInputError, match="up to frame 9 but the video has 4 frames"):
        load_openpose(folder, 4)
    with pytest.raises(BadInputError, match="keypoints for 10 frames"):
        load_openpose(folder, 100)


def test_folder_mistakes(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="There is no folder"):
        load_openpose(tmp_path / "none")
    with pytest.raises(BadInputError, match=r"There is no \.json file"):
        load_openpose(tmp_path)
    (tmp_path / "a_1.json").write_text("{}")
    (tmp_path / "b_01.json").write_text("{}")
    with pytest.raises(BadInputError, match="both for frame 1"):
        load_openpose(tmp_path)
    (tmp_path / "a_1.json").rename(tmp_path / "nothing.json")
    with pytest.raises(BadInputError, match="no number in its name"):
        load_openpose(tmp_path)
