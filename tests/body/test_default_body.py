"""The default body keeps what the rest of the program relies on."""

import pytest
import torch

from fit_avatar.body import SMPL_JOINTS, load_body
from fit_avatar.capture import BODY_25


@pytest.fixture(scope="module")
def anny():
    return load_body()


def test_skinning_weights_are_normalised_and_few(anny):
    assert (anny.lbs_weights > 0).sum(1).max() <= 4
    torch.testing.assert_close(anny.lbs_weights.sum(1), torch.ones(len(anny.template)))


def test_left_is_at_positive_x_and_mirrors_to_right(anny):
    joints = dict(zip(SMPL_JOINTS, anny.joint_template, strict=True))
    for name, place in joints.items():
        if name.startswith("left_"):
            other = joints["right_" + name.removeprefix("left_")]
            assert place[0] > 0
            torch.testing.assert_close(place * torch.tensor([-1.0, 1.0, 1.0]), other, atol=2e-3, rtol=0)
    assert torch.equal(anny.mirror[anny.mirror], torch.arange(len(anny.mirror)))


def test_faces_forward_and_stands_upright(anny):
    nose, neck, left_toe = anny.keypoint_regressor[[0, 1, 19]] @ anny.template
    assert nose[2] > neck[2] and nose[1] > neck[1] > left_toe[1]


def test_keypoints_are_means_of_vertices(anny):
    torch.testing.assert_close(anny.keypoint_regressor.sum(1), torch.ones(25), atol=1e-3, rtol=0)


def test_skin_is_closed(anny):
    faces = anny.faces[anny.skin[anny.faces].all(1)]
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).sort(1).values
    _, counts = torch.unique(edges, dim=0, return_counts=True)
    assert (counts == 2).all()


def test_a_unit_of_the_first_beta_is_a_usual_difference_in_height(anny):
    tall = anny.template + anny.shape_basis[..., 0]
    difference = (tall[:, 1].max() - tall[:, 1].min()) - (anny.template[:, 1].max() - anny.template[:, 1].min())
    assert 0.05 < abs(float(difference)) < 0.15


def test_parts_are_where_their_names_say(anny):
    template = anny.template
    assert template[anny.part("face") > 0.5][:, 1].min() > 0.5
    assert template[anny.part("feet") > 0.5][:, 1].max() < -0.6
    assert template[anny.part("hands") > 0.5][:, 0].abs().min() > 0.35
    assert template[anny.part("ears") > 0.5][:, 0].abs().min() > 0.03


def test_t_pose_has_level_arms(anny):
    from fit_avatar.body import BodyState, pose_body

    zero = torch.zeros(1, 3)
    state = BodyState(torch.zeros(anny.num_betas), torch.zeros_like(anny.template), zero, torch.zeros(1, 23, 3), zero)
    joints = dict(zip(SMPL_JOINTS, pose_body(anny, state).joints[0], strict=True))
    shoulder, wrist = joints["left_shoulder"], joints["left_wrist"]
    assert (wrist - shoulder)[0] > 0.4 and (wrist - shoulder)[1:].abs().max() < 0.01


@pytest.mark.parametrize("num_betas", [4, 10, 16])
def test_keypoints_of_the_limbs_are_joints_whatever_the_shape(num_betas):
    anny = load_body(num_betas)
    betas = torch.linspace(-2, 2, anny.num_betas)
    points, joints = anny.keypoint_points, anny.joint_template + anny.joint_basis @ betas
    places = points.template + points.basis @ betas
    for name in BODY_25:
        if name in anny.joint_names and name != "neck":
            torch.testing.assert_close(
                places[BODY_25.index(name)], joints[anny.joint_names.index(name)], rtol=0, atol=1e-5
            )
