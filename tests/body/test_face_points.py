"""Where the points of a face lie on the default body: on its face, alike on both sides, named as the detector does."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from fit_avatar.body import load_body
from fit_avatar.body.face_points import FILE, default_face_points, face_points, read_face_points
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.errors import BadInputError

EYE_CORNERS, NOSE_TIP, MOUTH_CORNERS, CHIN = (33, 133, 362, 263), 4, (61, 291), 200
"""Some of the 468 points (Kartynnik et al. 2019): of the right and the left eye, and so on."""


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def places(body):
    points = default_face_points()
    return dict(zip(points.index.tolist(), points.on(body.template.numpy().astype(float)), strict=True))


def test_the_file_is_the_one_whose_checksum_is_beside_it():
    expected = FILE.with_name("face_points.npz.sha256").read_text().split()[0]
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == expected
    assert FILE.stat().st_size < 20_000


def test_points_lie_inside_triangles_of_the_skin(body):
    points = default_face_points()
    triangles = {tuple(face) for face in body.faces.tolist()}
    assert all(tuple(corners) in triangles for corners in points.corners.tolist())
    assert body.skin[points.corners.ravel()].all()
    assert (points.weights >= 0).all() and np.allclose(points.weights.sum(1), 1)
    assert (np.diff(points.index) > 0).all() and points.index[-1] < 468
    assert ((points.sigma_m > 5e-4) & (points.sigma_m < 5e-3)).all()


def test_eyes_nose_mouth_and_chin_are_where_they_are(body, places):
    keypoints = (body.keypoint_regressor @ body.template).numpy()
    eyes = {side: keypoints[BODY_25.index(f"{side}_eye")] for side in ("right", "left")}
    right_outer, right_inner, left_inner, left_outer = (places[k] for k in EYE_CORNERS)
    assert right_outer[0] < eyes["right"][0] < right_inner[0] < 0 < left_inner[0] < eyes["left"][0] < left_outer[0]
    for corner in (right_outer, right_inner, left_inner, left_outer):
        assert min(np.linalg.norm(corner - eye) for eye in eyes.values()) < 0.03
    assert np.linalg.norm(places[NOSE_TIP] - keypoints[BODY_25.index("nose")]) < 0.015
    right, left = (places[k] for k in MOUTH_CORNERS)
    assert right[0] < -0.015 and left[0] > 0.015
    assert places[CHIN][1] < right[1] < places[NOSE_TIP][1] < right_inner[1]


def test_left_and_right_nearly_mirror_each_other(places):
    for right, left in ((33, 263), (133, 362), (61, 291), (105, 334), (50, 280)):
        assert np.linalg.norm(places[right] * [-1, 1, 1] - places[left]) < 5e-3


def test_both_default_bodies_have_them_and_others_do_not(body):
    assert face_points(body) is not None
    assert face_points(load_body(path="anny-hands")) is not None
    assert face_points(replace(body, name="other")) is None


def embedding(**changes):
    arrays = {"landmark_indices": [33, 4, 263], "lmk_face_idx": [5, 7, 9], "lmk_b_coords": np.full((3, 3), 1 / 3)}
    return {name: np.asarray(value) for name, value in (arrays | changes).items() if value is not None}


def test_the_embedding_of_another_body_is_read(body, tmp_path):
    np.savez(tmp_path / "own.npz", **embedding())
    points = read_face_points(tmp_path / "own.npz", body)
    assert points.index.tolist() == [4, 33, 263]
    assert points.corners.tolist() == body.faces[[7, 5, 9]].tolist()
    np.testing.assert_allclose(
        points.on(body.template.numpy()), body.template[body.faces[[7, 5, 9]]].mean(1), atol=1e-6
    )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"lmk_b_coords": None}, "has no lmk_b_coords"),
        ({"lmk_b_coords": np.ones((2, 3))}, "lmk_b_coords of shape"),
        ({"landmark_indices": [33, 4, 468]}, "points of a face that do not exist"),
        ({"lmk_face_idx": [5, 7, 10**6]}, "triangles that do not exist on the body"),
        ({"lmk_face_idx": [-1, 7, 9]}, "triangles that do not exist on the body"),
    ],
)
def test_an_embedding_that_cannot_be_used_is_refused(body, tmp_path, changes, fault):
    np.savez(tmp_path / "bad.npz", **embedding(**changes))
    with pytest.raises(BadInputError, match=fault):
        read_face_points(tmp_path / "bad.npz", body)


def test_a_file_that_holds_no_arrays_is_refused(body, tmp_path):
    (tmp_path / "bad.npz").write_text("no arrays")
    with pytest.raises(BadInputError, match=r"bad\.npz cannot be read"):
        read_face_points(tmp_path / "bad.npz", body)
