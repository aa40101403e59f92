from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import layouts
import numpy as np
import pytest
from cardboard import HEIGHT, WIDTH, person, write_openpose
from layouts import COUNT, Writer, body, flat, named, one_file

from fit_avatar.body import keypoint_sets as sets
from fit_avatar.capture import load_keypoints
from fit_avatar.capture.points import FACE, LEFT_HAND, RIGHT_HAND
from fit_avatar.errors import BadInputError

LAYOUTS: dict[str, tuple[Writer, str]] = {
    "MMPose's demo, frames from 1": (layouts.mmpose_demo, ""),
    "MMPose's inferencer, a video": (layouts.mmpose_video, ""),
    "MMPose's inferencer, pictures": (layouts.mmpose_pictures, ""),
    "Sapiens 17": (layouts.sapiens(sets.COCO_17), ""),
    "Sapiens 133": (layouts.sapiens(sets.COCO_WHOLEBODY_133), ""),
    "Sapiens 308": (layouts.sapiens(sets.SAPIENS_308), ""),
    "AlphaPose, COCO": (layouts.alphapose(sets.COCO_17), ""),
    "AlphaPose, confidences up to 4.5": (layouts.alphapose(sets.COCO_17, 5.0), ""),
    "AlphaPose, Halpe-26": (layouts.alphapose(sets.HALPE_26), ""),
    "AlphaPose, Halpe-136": (layouts.alphapose(sets.HALPE_136), ""),
    "AlphaPose, cmu": (layouts.alphapose_cmu, ""),
    "AlphaPose, cmu by picture": (layouts.alphapose_sep_json, ""),
    "OpenPose, BODY_25": (layouts.openpose(sets.BODY_25), ""),
    "OpenPose, COCO-18": (layouts.openpose(sets.COCO_18), ""),
    "OpenPose, MPI-15": (layouts.openpose(sets.MPI_15), ""),
    "OpenPose, BODY_25B": (layouts.openpose(sets.BODY_25B), "have the order of BODY_25B"),
    "OpenPose, scale 3": (
        layouts.openpose(sets.BODY_25, lambda u, v: (u / WIDTH, v / HEIGHT)), "are fractions from 0 to 1",
    ),
    "OpenPose, scale 4": (
        layouts.openpose(sets.BODY_25, lambda u, v: (2 * u / WIDTH - 1, 2 * v / HEIGHT - 1)),
        "are fractions from −1 to 1",
    ),
    "ComfyUI": (layouts.comfyui, f"are for {2 * WIDTH} × {2 * HEIGHT} pixels and were scaled"),
    "EasyMocap": (layouts.easymocap, ""),
    "ExAvatar": (layouts.exavatar, ""),
    "MediaPipe": (layouts.mediapipe, "are fractions from 0 to 1"),
    "MediaPipe, rows by number": (layouts.mediapipe_rows, "are fractions from 0 to 1"),
    "MediaPipe, holistic": (layouts.mediapipe_holistic, "are fractions from 0 to 1"),
    "bare arrays of all frames": (layouts.bare_frames, ""),
    "ComfyUI, fractions": (layouts.comfyui_fractions, "are fractions from 0 to 1"),
    "easy_ViTPose": (layouts.easy_vitpose, ""),
    "YOLO": (layouts.yolo, "count frames from 1"),
    "OpenPose, files from 1": (layouts.counted_from_one, "count frames from 1"),
}  # fmt: skip


@pytest.mark.parametrize(("write", "note"), LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_points(tmp_path: Path, write: Writer, note: str) -> None:
    people = load_keypoints(write(tmp_path / "kp"), COUNT, (WIDTH, HEIGHT))
    assert sorted(people) == list(range(COUNT))
    for k in range(COUNT):
        (one,) = people[k]
        both = (one[:25, 2] > 0) & (body(k)[:, 2] > 0)
        assert both.sum() >= 13 and both[[2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14]].all()
        limbs = both.copy()
        limbs[[1, 8]] = False  # midpoints of others, which the cardboard person's are not
        assert np.abs(one[:25, :2] - body(k)[:, :2])[limbs].max() < 0.01
        assert np.allclose(one[:25][limbs, 2], 0.9, atol=0.101)  # 1 where a scale ends above 1
    assert (note in " ".join(people.warnings)) if note else people.warnings == ()


def test_hands_of_sapiens_begin_at_the_wrist(tmp_path: Path) -> None:
    points = np.zeros((308, 3))
    points[:, 0], points[:, 2] = np.arange(308) * 3.0, 0.8
    path = one_file(tmp_path / "0.json", {"instance_info": [layouts.split(points.tolist())]})
    (one,) = load_keypoints(path)[0]
    fingers = [base - k for base in (24, 28, 32, 36, 40) for k in range(4)]
    assert (one[116:137, 0] / 3).tolist() == [41, *fingers]
    assert one[95, 0] == 3 * 62 and one[1, 0] == 3 * 69 and one[4, 0] == 3 * 41 and one[7, 0] == 3 * 62


def test_mediapipes_face_and_hands_come_along(tmp_path: Path) -> None:
    path = layouts.mediapipe_holistic(tmp_path / "kp")
    (one,) = load_keypoints(path, COUNT, (WIDTH, HEIGHT))[2]
    face, left, right = one[FACE], one[LEFT_HAND], one[RIGHT_HAND]
    assert np.allclose(face[[8, 30, 36, 68, 69], 0], [152, 4, 33, 468, 473], atol=0.01)  # the last are the pupils
    assert np.allclose(face[:, 1], 2, atol=0.01) and (face[:, 2] > 0).all()
    assert np.allclose(left[:, 0], np.arange(21), atol=0.01) and (right == 0).all()
    frames = json.loads(path.read_text())
    frames[1]["left_hand_landmarks"] = frames[1]["left_hand_landmarks"][:20]
    with pytest.raises(BadInputError, match="left_hand_landmarks without 21 landmarks: make it again"):
        load_keypoints(one_file(tmp_path / "less.json", frames), COUNT, (WIDTH, HEIGHT))
    frames[1]["left_hand_landmarks"] = ["a"] * 21
    with pytest.raises(BadInputError, match="has a landmark without x and y: make it again"):
        load_keypoints(one_file(tmp_path / "less.json", frames), COUNT, (WIDTH, HEIGHT))


def test_named_sets_have_their_numbers_of_points() -> None:
    for count, names in {
        15: sets.MPI_15, 17: sets.COCO_17, 18: sets.COCO_18, 25: sets.BODY_25B, 26: sets.HALPE_26,
        33: sets.MEDIAPIPE_33, 133: sets.COCO_WHOLEBODY_133, 136: sets.HALPE_136, 137: sets.OPENPOSE_137,
        308: sets.SAPIENS_308,
    }.items():  # fmt: skip
        assert len(set(names)) == len(names) == count


def test_several_people_and_missing_frames(tmp_path: Path) -> None:
    people = [{"keypoints": flat(named(k, sets.COCO_17)), "image_id": f"{k}.jpg"} for k in (0, 0, 3)]
    read = load_keypoints(one_file(tmp_path / "k.json", people), COUNT, (WIDTH, HEIGHT))
    assert {k: len(found) for k, found in read.items()} == {0: 2, 3: 1}


def test_frames_from_one_only_if_the_last_is_the_count(tmp_path: Path) -> None:
    folder = layouts.counted_from_one(tmp_path / "kp")
    assert list(load_keypoints(folder, COUNT + 1)) == [1, 2, 3, 4]
    assert "if they count from 1" in load_keypoints(folder, COUNT + 1).warnings[0]
    assert list(load_keypoints(folder, COUNT)) == [0, 1, 2, 3]


def test_another_picture_size_is_said(tmp_path: Path) -> None:
    write = layouts.openpose(sets.BODY_25, lambda u, v: (2 * u, 2 * v))
    read = load_keypoints(write(tmp_path / "kp"), COUNT, (WIDTH, HEIGHT))
    assert "lie outside of the picture" in read.warnings[0]


def test_bodies_that_may_be_25b(tmp_path: Path) -> None:
    # Left and right limbs so near each other that both orders have bones of much the same length.
    rng = np.random.default_rng(0)
    clouds = [[np.column_stack([rng.normal(50, 9, (25, 2)), np.ones(25)]).astype(np.float32)] for _ in range(40)]
    with pytest.raises(BadInputError, match="may be BODY_25 or BODY_25B: let OpenPose write"):
        load_keypoints(write_openpose(tmp_path / "kp", clouds), 40, (WIDTH, HEIGHT))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"what": 1}, "holds an object with what, which is no known layout"),
        (
            {"meta_info": {"dataset_name": "h36m"}, "instance_info": [{"frame_id": 1, "instances": []}]},
            "points of h36m",
        ),
        ([{"frame_id": "a", "instances": []}], "frame_id 'a'"),
        ([{"keypoints": [[1, 2]] * 16, "keypoint_scores": [1] * 16}], "48 numbers for a person"),
        ([{"keypoints": [[1, 2]] * 17, "keypoint_scores": [1] * 16}], "as many scores as points"),
        ([[[1, 2, 3]] * 5], "15 numbers for a person"),
        ([{"pose_landmarks": [{"x": 0.1, "y": 0.2}]}], "has 1 landmarks: MediaPipe's pose has 33"),
        ({"annots": [{}]}, "without 'keypoints'"),
        ({"a.jpg": {"bodies": [{}]}}, "without a number|without 'joints'"),
        ([{"image_id": 1, "keypoints": [10**400] * 51}], "not a finite number"),
        ([{"image_id": 1, "keypoints": [1e30] * 51}], "outside of any picture"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: Any, message: str) -> None:
    (tmp_path / "k.json").write_text(json.dumps(data))
    with pytest.raises(BadInputError, match=message) as caught:
        load_keypoints(tmp_path / "k.json", 10, (WIDTH, HEIGHT))
    assert "k.json" in str(caught.value)


def test_folders_that_do_not_say_which(tmp_path: Path) -> None:
    for camera in ("1", "2"):
        write_openpose(tmp_path / camera, [[person()[1]]] * 3)
    with pytest.raises(BadInputError, match=r"several folders of keypoint files \(1, 2\): give one of them"):
        load_keypoints(tmp_path)
