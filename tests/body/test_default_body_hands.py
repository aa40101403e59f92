"""The default body with fingers: the ordinary body with a finer skeleton."""

import pytest
import torch

from fit_avatar.body import SMPLH_JOINTS, BodyState, load_body, pose_body
from fit_avatar.body.joints import FINGERS, SMPLH_PARENTS
from fit_avatar.body.poses import a_pose, bind_pose


@pytest.fixture(scope="module")
def hands():
    return load_body(path="anny-hands")


def posed(body, **turns):
    """Return the body with some joints turned (axis-angle), all others in the T-pose."""
    pose = torch.zeros(1, 51, 3)
    for name, turn in turns.items():
        pose[0, SMPLH_JOINTS.index(name) - 1] = torch.tensor(turn)
    zero = torch.zeros(1, 3)
    return pose_body(body, BodyState(torch.zeros(10), torch.zeros_like(body.template), zero, pose, zero))


def landmarks(body, vertices):
    return dict(zip(body.landmark_names, body.landmark_regressor @ vertices, strict=True))


def test_is_the_ordinary_body_with_more_joints(hands):
    anny = load_body()
    assert hands.joint_names == SMPLH_JOINTS and hands.parents == SMPLH_PARENTS
    for name in ("template", "shape_basis", "faces", "uvs"):
        assert torch.equal(getattr(hands, name), getattr(anny, name))
    torch.testing.assert_close(hands.keypoint_points.template, anny.keypoint_points.template, rtol=0, atol=1e-5)
    torch.testing.assert_close(hands.joint_template[:22], anny.joint_template[:22])
    torch.testing.assert_close(hands.bind_rotations[:22], anny.bind_rotations[:22])
    torch.testing.assert_close(hands.part("hands"), anny.part("hands"))
    assert (hands.lbs_weights > 0).sum(1).max() <= 4
    torch.testing.assert_close(hands.lbs_weights.sum(1), torch.ones(len(hands.template)))


def test_fingers_are_straight_in_the_t_pose(hands):
    result = posed(hands)
    joints = dict(zip(SMPLH_JOINTS, result.joints[0], strict=True))
    points = landmarks(hands, result.vertices[0])
    for side, sign in (("left", 1), ("right", -1)):
        for finger, tip in (("index", 8), ("middle", 12), ("ring", 16), ("pinky", 20)):
            chain = [joints[f"{side}_{finger}{k}"] for k in (1, 2, 3)] + [points[f"{side}_hand_{tip}"]]
            steps = torch.stack(chain).diff(dim=0)
            assert (sign * steps[:, 0] > 0.01).all() and steps[:, 1:].abs().max() < 1e-4


def test_the_mesh_is_modelled_with_relaxed_hands(hands):
    torch.testing.assert_close(bind_pose(hands), a_pose(hands), rtol=0, atol=1e-6)
    joints = dict(zip(SMPLH_JOINTS, hands.joint_template, strict=True))
    palm = joints["left_middle1"] - joints["left_wrist"]
    across = joints["left_index1"] - joints["left_pinky1"]
    down = torch.linalg.cross(palm, across) / torch.linalg.cross(palm, across).norm()  # out of the palm
    for finger in ("index", "middle", "ring", "pinky"):
        first, second = (joints[f"left_{finger}{k + 1}"] - joints[f"left_{finger}{k}"] for k in (1, 2))
        assert 0.1 < first @ down / first.norm() < second @ down / second.norm(), finger


def test_each_finger_bends_alone(hands):
    flat = posed(hands).vertices[0]
    for finger in FINGERS:
        moved = (posed(hands, **{f"left_{finger}2": [0.0, 0.0, -1.0]}).vertices[0] - flat).norm(dim=1) > 1e-3
        assert moved.any()
        own = hands.lbs_weights[:, [SMPLH_JOINTS.index(f"left_{finger}{k}") for k in (1, 2, 3)]].sum(1)
        assert (own[moved] > 0).all()


def test_landmarks_lie_on_the_joints(hands):
    result = posed(hands, left_index1=[0.0, 0.0, -0.3])
    joints, points = dict(zip(SMPLH_JOINTS, result.joints[0], strict=True)), landmarks(hands, result.vertices[0])
    assert len(points) == 42
    for side in ("left", "right"):
        for first, finger in ((1, "thumb"), (5, "index"), (9, "middle"), (13, "ring"), (17, "pinky")):
            for k in range(3):
                joint = joints[f"{side}_{finger}{k + 1}"]
                assert (points[f"{side}_hand_{first + k}"] - joint).norm() < 0.004
