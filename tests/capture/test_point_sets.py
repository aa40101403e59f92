"""Named sets of points, and what becomes of one in another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cardboard import person

from fit_avatar.body.keypoint_sets import (
    BODY_25,
    BODY_25_MIRROR,
    COCO_WHOLEBODY_133,
    FACE_68_IN_468,
    FACE_468,
    FACE_478,
    MEDIAPIPE_33,
    MEDIAPIPE_33_MIRROR,
    OPENPOSE_137,
    POINT_SETS,
    SAPIENS_308,
)
from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.limb_directions import limb_directions
from fit_avatar.capture.point_sets import WORLD, convert_points, convert_set, split_parts
from fit_avatar.capture.points import from_named
from fit_avatar.io.store import Store
from fit_avatar.pipeline import KEPT

IBUG_MIRROR = [
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
]  # fmt: skip
MESH_PAIRS = {
    127: 356, 234: 454, 93: 323, 132: 361, 58: 288, 136: 365, 149: 378, 148: 377, 152: 152,
    70: 300, 63: 293, 105: 334, 66: 296, 107: 336, 168: 168, 197: 197, 5: 5, 4: 4, 98: 327, 97: 326, 2: 2,
    33: 263, 160: 387, 158: 385, 133: 362, 153: 380, 144: 373, 61: 291, 39: 269, 37: 267, 0: 0, 91: 321, 84: 314,
    17: 17, 78: 308, 81: 311, 13: 13, 178: 402, 14: 14,
}  # fmt: skip
"""Vertices of MediaPipe's face mesh and their mirror images."""


def numbered(names: tuple[str, ...], frames: int = 2) -> np.ndarray:
    return np.random.default_rng(len(names)).uniform(0.1, 1, (frames, len(names), 3)).astype(np.float32)


@pytest.mark.parametrize("name", POINT_SETS)
def test_sets_have_as_many_different_points_as_their_name_says(name: str) -> None:
    assert len(POINT_SETS[name]) == len(set(POINT_SETS[name])) == int(name.rpartition("_")[2])


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (BODY_25, OPENPOSE_137),
        (COCO_WHOLEBODY_133, OPENPOSE_137),
        (POINT_SETS["face_70"], OPENPOSE_137),
        (POINT_SETS["left_hand_21"], COCO_WHOLEBODY_133),
        (POINT_SETS["face_70"][:68], FACE_468),
        (FACE_468, FACE_478),
        (POINT_SETS["face_70"], FACE_478),
    ],
)
def test_what_a_larger_set_holds_comes_back(small: tuple[str, ...], large: tuple[str, ...]) -> None:
    points = numbered(small)
    there = convert_points(points, small, large)
    assert there.shape == (2, len(large), 3) and there.dtype == np.float32
    assert (convert_points(there, large, small) == points).all()


def test_the_bodys_points_of_blazepose_have_the_same_names() -> None:
    points = numbered(MEDIAPIPE_33)
    body = convert_set(points, "body_33", "body_25")
    for name, target in (("nose", 0), ("right_shoulder", 2), ("left_wrist", 7), ("left_heel", 21), ("left_eye", 16)):
        assert (body[:, target] == points[:, MEDIAPIPE_33.index(name)]).all() and BODY_25[target] == name
    assert (body[:, [20, 23]] == 0).all()  # small toes
    shoulders = points[:, [11, 12]]
    assert np.allclose(body[:, 1, :2], shoulders[..., :2].mean(1))
    assert np.allclose(body[:, 1, 2], shoulders[..., 2].min(1))
    points[0, 11, 2] = 0
    assert (convert_set(points, "body_33", "body_25")[0, 1] == 0).all()  # no neck without both shoulders
    back = convert_set(body, "body_25", "body_33")
    known = [k for k, name in enumerate(MEDIAPIPE_33) if name in BODY_25]
    assert len(known) == 21 and (back[1, known] == points[1, known]).all()


@pytest.mark.parametrize("names", [COCO_WHOLEBODY_133, MEDIAPIPE_33, BODY_25])
def test_readers_convert_alike(names: tuple[str, ...]) -> None:
    points = numbered(names, 1)[0]
    expected = from_named(points, names)
    known = convert_points(points, names, OPENPOSE_137)
    hands = [95, 116]  # wrists, which only the readers take from the body
    assert (np.delete(known, hands, 0) == np.delete(expected, hands, 0)).all()


def test_sapiens_has_no_points_of_the_face() -> None:
    assert (convert_points(numbered(SAPIENS_308), SAPIENS_308, POINT_SETS["face_70"]) == 0).all()


def test_left_and_right_of_the_face_are_mirror_images() -> None:
    mirror = {**MESH_PAIRS, **{b: a for a, b in MESH_PAIRS.items()}}
    assert [mirror[FACE_68_IN_468[k]] for k in IBUG_MIRROR] == list(FACE_68_IN_468)


def test_known_points_of_the_face() -> None:
    points = np.zeros((468, 3), np.float32)
    points[:, 0], points[:, 2] = np.arange(468), 1
    face = convert_set(points, "face_468", "face_70")
    known = {8: 152, 30: 4, 36: 33, 39: 133, 42: 362, 45: 263, 48: 61, 51: 0, 54: 291, 57: 17, 62: 13, 66: 14}
    assert {k: int(face[k, 0]) for k in known} == known
    assert (face[:68, 2] == 1).all() and (face[68:] == 0).all()  # the mesh has no pupils


def test_mirrored_names() -> None:
    for names, mirror in ((BODY_25, BODY_25_MIRROR), (MEDIAPIPE_33, MEDIAPIPE_33_MIRROR)):
        assert [mirror[k] for k in mirror] == list(range(len(names)))
        assert all((k == mirror[k]) == ("left" not in n and "right" not in n) for k, n in enumerate(names))
    assert MEDIAPIPE_33_MIRROR[MEDIAPIPE_33.index("mouth_left")] == MEDIAPIPE_33.index("mouth_right")


def test_another_number_of_points_is_an_error() -> None:
    with pytest.raises(ValueError, match="there must be 25 points of 3 numbers each"):
        convert_points(np.zeros((2, 24, 3), np.float32), BODY_25, MEDIAPIPE_33)


def test_parts_that_no_frame_shows_are_left_out() -> None:
    points = np.zeros((2, 137, 3), np.float32)
    points[1, 30, 2] = 1
    assert {name: part.shape for name, part in split_parts(points).items()} == {
        "body_25": (2, 25, 3),
        "face_70": (2, 70, 3),
    }


def test_sets_and_limbs_are_kept(tmp_path: Path) -> None:
    mask, points = person()
    world = np.random.default_rng(0).normal(size=(2, 33, 4)).astype(np.float32)
    world[0, :, 3] = 0  # unseen: an infinite noise
    capture = Capture(
        frame_indices=np.arange(2),
        keypoints=np.stack([points, points]),
        masks=np.stack([mask, mask]),
        camera=Camera(100.0, 100.0, 48.0, 64.0, 96, 128),
        frame_weights=np.ones(2, np.float32),
        point_sets={"face_468": numbered(FACE_468), WORLD: world},
        limb_directions=limb_directions(world),
    )
    Store(tmp_path, classes=list(KEPT)).run("observe", {}, lambda: capture)
    kept = Store(tmp_path, classes=list(KEPT)).run("observe", {}, lambda: capture)
    assert kept.cached and kept.value.point_sets.keys() == capture.point_sets.keys()
    assert all((kept.value.point_sets[name] == points).all() for name, points in capture.point_sets.items())
    before, after = capture.limb_directions, kept.value.limb_directions
    assert before is not None and after is not None and after.limbs == before.limbs
    assert (after.directions == before.directions).all() and (after.sigma_rad == before.sigma_rad).all()
    assert np.isinf(after.sigma_rad[0]).all()
