from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cardboard import person, write_openpose

from fit_avatar.capture.openpose import from_coco_18, load_openpose, read_people
from fit_avatar.capture.points import BODY, FACE, LEFT_HAND, RIGHT_HAND
from fit_avatar.errors import BadInputError


def some(count: int, seed: int = 0) -> list[float]:
    return np.random.default_rng(seed).random((count, 3)).ravel().tolist()


def write(path: Path, *people: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"people": list(people)}))
    return path


def test_reads_body_25_and_empty_frames(tmp_path: Path) -> None:
    _, points = person()
    people = load_openpose(write_openpose(tmp_path / "kp", [[points], [], [points, points + 1]]))
    assert [people[i].shape for i in range(3)] == [(1, 137, 3), (0, 137, 3), (2, 137, 3)]
    assert np.allclose(people[0][0, BODY], points)
    assert (people[0][0, 25:] == 0).all()


def test_reads_face_and_hands(tmp_path: Path) -> None:
    body, face, left, right = some(25), some(70, 1), some(21, 2), some(21, 3)
    parts = {"pose": body, "face": face, "hand_left": left, "hand_right": right}
    (one,) = read_people(write(tmp_path / "a_1.json", {f"{k}_keypoints_2d": v for k, v in parts.items()}))
    (old,) = read_people(write(tmp_path / "a_2.json", {f"{k}_keypoints": v for k, v in parts.items()}))
    for place, part in ((BODY, body), (FACE, face), (LEFT_HAND, left), (RIGHT_HAND, right)):
        assert np.allclose(one[place].ravel(), part)
    assert np.allclose(one, old)


def test_parts_may_be_missing(tmp_path: Path) -> None:
    only = {"pose_keypoints_2d": [], "hand_left_keypoints_2d": some(21), "face_keypoints_2d": []}
    (one,) = read_people(write(tmp_path / "a_1.json", only))
    assert (one[LEFT_HAND, 2] > 0).any()
    assert (one[BODY] == 0).all() and (one[FACE] == 0).all() and (one[RIGHT_HAND] == 0).all()


def test_coco_18_gets_a_mid_hip_when_both_hips_are_seen(tmp_path: Path) -> None:
    coco = np.zeros((18, 3), np.float32)
    coco[8], coco[11], coco[17] = (10, 50, 0.8), (20, 54, 0.6), (5, 5, 0.7)
    body = from_coco_18(coco)
    assert body[8].tolist() == pytest.approx([15, 52, 0.6])
    assert body[18].tolist() == pytest.approx([5, 5, 0.7])
    assert (body[19:] == 0).all()
    coco[11, 2] = 0
    assert from_coco_18(coco)[8, 2] == 0
    path = write(tmp_path / "frame_7.json", {"pose_keypoints_2d": coco.ravel().tolist()})
    assert read_people(path).shape == (1, 137, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"people": [', "not readable JSON"),
        ('{"people": [{"pose_keypoints_2d": [NaN' + ", 0" * 74 + "]}]}", "not a finite number"),
        ('{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}', r"holds 3 numbers for a body: .* 75 \(25 × 3\) or 54"),
        ('{"people": [{"pose_keypoints_2d": ["a", 2, 3]}]}', "not a finite number"),
        ('{"people": [{"face_keypoints_2d": [1, 2, 3]}]}', r"holds 3 numbers for a face: .* 210 \(70 × 3\)$"),
        ('{"people": [{"hand_right_keypoints_2d": [1, 2, 3]}]}', r"for a hand: .* 63 \(21 × 3\)$"),
        ('{"people": [{"hand_left_keypoints_2d": [Infinity' + ", 0" * 62 + "]}]}", "not a finite number"),
        ('{"people": [{}]}', "without pose_keypoints_2d"),
        ('{"people": [7]}', "without pose_keypoints_2d"),
        ("[]", "no list 'people'"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a_3.json").write_text(text)
    with pytest.raises(BadInputError, match=message) as caught:
        load_openpose(tmp_path)
    assert "a_3.json" in str(caught.value)


def test_thousands_of_people_are_damage(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="1001 people in one frame"):
        read_people(write(tmp_path / "many.json", *[{"pose_keypoints_2d": some(25)}] * 1001))


def test_folder_mistakes(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"^there is no folder of OpenPose JSON files .*none: check the path$"):
        load_openpose(tmp_path / "none")
    with pytest.raises(BadInputError, match=r"^there is no \.json file"):
        load_openpose(tmp_path)
    (tmp_path / "a_1.json").write_text("{}")
    (tmp_path / "b_01.json").write_text("{}")
    with pytest.raises(BadInputError, match="both for frame 1"):
        load_openpose(tmp_path)
    (tmp_path / "a_1.json").rename(tmp_path / "nothing.json")
    with pytest.raises(BadInputError, match="no number in its name"):
        load_openpose(tmp_path)
