"""Errors of regions: a head that is turned, a hand that is moved, and a hat that is no face."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fit_avatar.body import SMPL_JOINTS, load_body
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.evaluate import ClipDistance, Mesh, TruePlaces, compare_regions
from fit_avatar.evaluate.align import IDENTITY, Similarity
from fit_avatar.evaluate.regions import regions_of_points

pytest.importorskip("open3d", exc_type=(ImportError, OSError))
SAMPLES = 20_000
BODY = load_body(1)
VERTICES = BODY.template.double().numpy()
FACES = BODY.faces[BODY.skin[BODY.faces].all(1)].numpy()
JOINTS = BODY.joint_template.double().numpy()[:24]
NOSE = (BODY.keypoint_regressor[BODY_25.index("nose")].double() @ BODY.template.double()).numpy()
TRUTH = Mesh(VERTICES, FACES)


def weight(*names):
    return BODY.lbs_weights[:, [BODY.joint_names.index(name) for name in names]].sum(1).double().numpy()[:, None]


def errors(*found, motions=None, faces=None):
    count = len(found)
    motions = motions or (IDENTITY,) * count
    height = tuple(mesh.moved(motion).to(TRUTH, SAMPLES) for mesh, motion in zip(found, motions, strict=True))
    distance = ClipDistance((), height, (), tuple(motions), 0.0)
    places = TruePlaces(np.stack([JOINTS] * count), np.stack([NOSE] * count), faces)
    return compare_regions(found, [TRUTH] * count, distance, places, SAMPLES)


def nodding(degrees):
    turn = Rotation.from_euler("x", degrees, degrees=True).as_matrix()
    neck = JOINTS[SMPL_JOINTS.index("neck")]
    moved = (VERTICES - neck) @ turn.T + neck
    return Mesh(VERTICES + weight("head") * (moved - VERTICES), FACES)


def test_a_turned_head_is_an_angle_and_no_error_of_the_face_alone():
    numbers = errors(nodding(7.0), nodding(3.0)).numbers()
    assert numbers["head deg"] == pytest.approx(5.0, abs=0.7)
    assert numbers["head deg worst"] == pytest.approx(7.0, abs=0.7)
    assert numbers["face alone"] < 0.35 < 2.0 < numbers["face"]
    assert numbers["hands"] < 1e-3
    assert numbers["feet"] < 1e-3


def test_a_head_that_turns_with_the_whole_body_is_turned_too():
    turn = Rotation.from_euler("y", 6.0, degrees=True).as_matrix()
    found = errors(Mesh(VERTICES @ turn, FACES), motions=[Similarity(1.0, turn, np.zeros(3))])
    assert found.head_deg[0] == pytest.approx(6.0, abs=0.1)
    assert found.mm["head"][0] < 1e-3


def test_a_hand_that_is_off_in_one_frame_is_the_worst_of_the_hands():
    shifted = VERTICES + weight("left_hand") * [0.0, 0.0, 0.02]
    numbers = errors(TRUTH, Mesh(shifted, FACES)).numbers()
    assert numbers["hands worst"] == pytest.approx(2 * numbers["hands"], rel=1e-3)
    assert numbers["hands worst"] > 2.0
    assert numbers["head"] < 1e-3
    assert numbers["rest"] < 0.1


def test_a_hat_is_no_face_where_the_truth_says_what_is_skin():
    """The reconstruction lacks a hat that the truth has: the face alone is right, and all around the nose is not."""
    rim = np.array([[x, y, z] for x in (-0.06, 0.06) for y in (0.06, 0.065) for z in (0.0, 0.06)]) + NOSE
    cube = np.array([[0, 2, 1], [1, 2, 3], [0, 1, 4], [1, 5, 4], [2, 6, 3], [3, 6, 7], [4, 5, 6], [5, 7, 6]])
    hatted = Mesh(np.concatenate([VERTICES, rim]), np.concatenate([FACES, cube + len(VERTICES)]))
    height = (TRUTH.to(hatted, SAMPLES),)
    places = [TruePlaces(JOINTS[None], NOSE[None], faces) for faces in (None, [TRUTH])]
    distance = ClipDistance((), height, (), (IDENTITY,), 0.0)
    everything, skin = (compare_regions([TRUTH], [hatted], distance, p, SAMPLES).numbers() for p in places)
    assert skin["face alone"] < 0.05
    assert skin["head deg"] < 0.1
    assert everything["face alone"] > 1.0
    assert skin["face"] == everything["face"] > 1.0


def test_points_belong_to_the_nearest_joint_or_to_the_rest():
    inside = regions_of_points(JOINTS + 0.001, JOINTS)
    assert {name: int(chosen.sum()) for name, chosen in inside.items()} == {
        "head": 1, "hands": 2, "feet": 4, "rest": 17,
    }  # fmt: skip
    assert np.sum(list(inside.values()), 0).tolist() == [1] * 24


def test_without_a_face_there_is_no_angle():
    headless = Mesh(VERTICES, FACES[(VERTICES[FACES].mean(1)[:, 1] < NOSE[1] - 0.25)])
    found = errors(headless)
    assert np.isnan(found.head_deg).all()
    assert np.isnan(found.numbers()["face alone"])


def test_other_numbers_of_frames_are_refused():
    distance = ClipDistance((), (), (), (), 0.0)
    with pytest.raises(ValueError, match="the same frames"):
        compare_regions([TRUTH], [TRUTH], distance, TruePlaces(JOINTS[None], NOSE[None]))
