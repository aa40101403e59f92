from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fit_avatar.capture import BODY_25, from_coco_wholebody, load_coco_wholebody, load_keypoints
from fit_avatar.capture.points import BODY, FACE, LEFT_HAND, RIGHT_HAND
from fit_avatar.errors import BadInputError

COCO = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle", "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
"""Names of the first 23 points in COCO-WholeBody's order."""
PARTS = {"keypoints": (0, 17), "foot_kpts": (17, 23), "face_kpts": (23, 91), "lefthand_kpts": (91, 112),
         "righthand_kpts": (112, 133)}  # fmt: skip


def numbered(confidence: float = 0.7) -> np.ndarray:
    """133 points whose coordinates encode their index."""
    index = np.arange(133, dtype=np.float32)
    return np.stack([index, 10 * index, np.full(133, confidence, np.float32)], 1)


def entry(points: np.ndarray, **more: Any) -> dict[str, Any]:
    return {name: points[a:b].ravel().tolist() for name, (a, b) in PARTS.items()} | more


def test_every_point_finds_its_name() -> None:
    ours = from_coco_wholebody(numbered())
    for place, name in enumerate(BODY_25):
        if name not in ("neck", "mid_hip"):
            assert ours[place, 0] == COCO.index(name), name
    assert ours[1].tolist() == pytest.approx([5.5, 55, 0.7]) and ours[8].tolist() == pytest.approx([11.5, 115, 0.7])
    assert ours[FACE, 0].tolist() == [*range(23, 91), 0, 0] and (ours[FACE, 2][68:] == 0).all()
    assert ours[LEFT_HAND, 0].tolist() == list(range(91, 112))
    assert ours[RIGHT_HAND, 0].tolist() == list(range(112, 133))


def test_plain_coco_has_a_body_only() -> None:
    points = numbered()[:17]
    points[5, 2] = 0
    ours = from_coco_wholebody(points)
    assert ours[1, 2] == 0 and ours[8, 2] > 0
    assert (ours[19:] == 0).all()
    with pytest.raises(ValueError, match="133 points and COCO 17"):
        from_coco_wholebody(points[:16])


def test_a_list_of_results(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    points = numbered()
    results = [
        entry(points, image_id=4),
        {"image_id": "frame_0005.jpg", "keypoints": points.ravel().tolist()},
        {"image_id": 5, "keypoints": points[:17].ravel().tolist(), "foot_kpts": []},
    ]
    path.write_text(json.dumps(results))
    people = load_coco_wholebody(path)
    assert {index: len(p) for index, p in people.items()} == {4: 1, 5: 2}
    assert np.allclose(people[4][0], from_coco_wholebody(points))
    assert np.allclose(people[4], people[5][:1])
    assert list(load_keypoints(path, 6)) == [4, 5]


def test_an_annotation_file(tmp_path: Path) -> None:
    points = numbered(2.0)
    points[9, 2], points[10, 2], points[91:112, 2] = 1, 0, 0.9
    data = {
        "images": [{"id": 77, "file_name": "clip2/img_000012.png"}],
        "annotations": [entry(points, image_id=77)],
    }
    (tmp_path / "a.json").write_text(json.dumps(data))
    (one,) = load_coco_wholebody(tmp_path / "a.json")[12]
    left, right, shoulder = one[7, 2], one[4, 2], one[2, 2]
    assert (left, right, shoulder) == (0.5, 0.0, 1.0)
    assert np.allclose(one[LEFT_HAND, 2], 0.9) and (one[BODY, 2] <= 1).all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"images": []}, "neither OpenPose's 'people' nor COCO's list"),
        ([1, 2], "neither OpenPose's 'people' nor COCO's list"),
        ([], "holds nobody"),
        ([{"image_id": 1}], "without 'keypoints'"),
        ([{"image_id": 1, "keypoints": [1, 2, 3]}], r"holds 3 numbers for a person: .* 51 \(17 × 3\) or 399"),
        ([{"image_id": 1, "keypoints": [0] * 51, "face_kpts": [0] * 9}], r"9 numbers for a face_kpts: .* 204"),
        ([{"image_id": 1, "keypoints": [float("nan")] * 51}], "not a finite number"),
        ([{"keypoints": [0] * 51}], "whose frame is unknown"),
        ([{"image_id": "a.png", "keypoints": [0] * 51}], "whose frame is unknown"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, data: Any, message: str) -> None:
    (tmp_path / "k.json").write_text(json.dumps(data))
    with pytest.raises(BadInputError, match=message) as caught:
        load_coco_wholebody(tmp_path / "k.json")
    assert "k.json" in str(caught.value)
