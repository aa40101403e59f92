"""Skinning and its closed-form derivatives, against autograd in float64."""

from dataclasses import replace

import pytest
import torch

from fit_avatar.body import BodyState, pose_body, rotation
from fit_avatar.body.skinning import blend, point_jacobian, pose_skeleton, shaped, skin, surface_shifted
from tests.toy_body import toy_body

FRAMES = 3


@pytest.fixture
def setup():
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    body = toy_body().double()
    few = slice(None, None, 40)
    thin = {name: getattr(body, name)[few] for name in ("template", "shape_basis", "lbs_weights")}
    body = replace(body, **thin)
    rotations = rotation.exp(0.5 * random(FRAMES, 24, 3))
    return body, random(body.num_betas), rotations, random(FRAMES, 3), random(FRAMES, len(body.template), 2, 3)


def test_pose_jacobian_agrees_with_autograd(setup):
    body, betas, rotations, transl, direction = setup
    rest = shaped(body, betas)

    def contracted(omega, moved):
        skeleton = pose_skeleton(body, betas, rotations @ rotation.exp(omega), transl + moved)
        return (direction * skin(skeleton, rest, body.lbs_weights)[..., None, :]).sum(-1).sum(0)

    zero = torch.zeros(FRAMES, 24, 3, dtype=torch.float64), torch.zeros(FRAMES, 3, dtype=torch.float64)
    by_pose, by_transl = torch.autograd.functional.jacobian(contracted, zero)  # [V, C, T, J, 3]
    skeleton = pose_skeleton(body, betas, rotations, transl)
    jacobian = point_jacobian(body, skeleton, rest, body.lbs_weights, body.shape_basis, direction)
    torch.testing.assert_close(jacobian.pose, by_pose.movedim(2, 0), rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(jacobian.transl, by_transl.movedim(2, 0), rtol=1e-6, atol=1e-9)


def test_shape_jacobian_agrees_with_autograd(setup):
    body, betas, rotations, transl, direction = setup

    def contracted(b):
        skeleton = pose_skeleton(body, b, rotations, transl)
        return (direction * skin(skeleton, shaped(body, b), body.lbs_weights)[..., None, :]).sum(-1)

    expected = torch.autograd.functional.jacobian(contracted, betas)
    skeleton = pose_skeleton(body, betas, rotations, transl)
    found = point_jacobian(body, skeleton, shaped(body, betas), body.lbs_weights, body.shape_basis, direction)
    torch.testing.assert_close(found.betas, expected, rtol=1e-6, atol=1e-9)


def test_derivative_to_points_in_the_bind_pose_agrees_with_autograd(setup):
    body, betas, rotations, transl, direction = setup
    skeleton, rest = pose_skeleton(body, betas, rotations, transl), shaped(body, betas).requires_grad_()
    found = point_jacobian(body, skeleton, rest.detach(), body.lbs_weights, body.shape_basis, direction)
    posed = (direction * skin(skeleton, rest, body.lbs_weights)[..., None, :]).sum(-1)
    (expected,) = torch.autograd.grad(posed.sum(), rest)
    torch.testing.assert_close(found.rest.sum((0, 2)), expected, rtol=1e-6, atol=1e-9)


def test_points_may_differ_from_frame_to_frame(setup):
    body, betas, rotations, transl, direction = setup
    skeleton, rest = pose_skeleton(body, betas, rotations, transl), shaped(body, betas)
    shared = point_jacobian(body, skeleton, rest, body.lbs_weights, body.shape_basis, direction)
    each = [a.expand(FRAMES, *a.shape) for a in (rest, body.lbs_weights, body.shape_basis)]
    apart = point_jacobian(body, skeleton, *each, direction)
    for name in ("pose", "transl", "betas", "rest"):
        torch.testing.assert_close(getattr(shared, name), getattr(apart, name))


def test_bind_pose_leaves_the_template_where_it_is(setup):
    body, *_ = setup
    parents = torch.tensor(body.parents[1:])
    local = rotation.log(body.bind_rotations[parents].transpose(1, 2) @ body.bind_rotations[1:])[None]
    zero = torch.zeros(1, 3, dtype=torch.float64)
    state = BodyState(
        torch.zeros(body.num_betas, dtype=torch.float64), torch.zeros_like(body.template), zero, local, zero
    )
    posed = pose_body(body, state)
    torch.testing.assert_close(posed.vertices[0], body.template, atol=1e-6, rtol=0)
    torch.testing.assert_close(posed.joints[0], body.joint_template, atol=1e-6, rtol=0)


def test_blend_is_the_affine_map_of_skin(setup):
    body, betas, rotations, transl, _ = setup
    skeleton, rest = pose_skeleton(body, betas, rotations, transl), shaped(body, betas)
    linear, shift = blend(skeleton, body.lbs_weights)
    torch.testing.assert_close((linear @ rest[..., None])[..., 0] + shift, skin(skeleton, rest, body.lbs_weights))


@pytest.mark.parametrize("angle", [0.0, 1e-8, 1e-4, 0.5, 3.0, 3.14159])
def test_rotation_log_undoes_exp(angle):
    axis = torch.nn.functional.normalize(
        torch.tensor([[0.3, -0.5, 0.8], [1, 0, 0], [0, -1, 0]], dtype=torch.float64), dim=-1
    )
    torch.testing.assert_close(rotation.log(rotation.exp(angle * axis)), angle * axis, atol=1e-7, rtol=1e-6)


def test_the_surface_can_stay_while_a_bone_turns_in_it(setup):
    body, betas, rotations, transl, _ = setup
    body = replace(body, lbs_weights=torch.nn.functional.one_hot(body.lbs_weights.argmax(1), 24).double())
    betas = torch.zeros_like(betas)
    own = body.lbs_weights.argmax(1)
    joint = int(own[own > 0].mode().values)
    turn = torch.zeros(24, 3).double()
    turn[joint] = torch.tensor([1e-4, -2e-4, 1e-4])  # in the bind pose, about the joint
    local = rotations.clone()
    local[:, joint] = rotations[:, joint] @ rotation.exp(body.bind_rotations[joint].T @ turn[joint])
    before = skin(pose_skeleton(body, betas, rotations, transl), body.template, body.lbs_weights)
    moved = body.template + surface_shifted(body, torch.cat([torch.zeros_like(turn), -turn], -1))
    after = skin(pose_skeleton(body, betas, local, transl), moved, body.lbs_weights)
    assert (after - before)[:, own == joint].abs().max() < 1e-7
    unmoved = skin(pose_skeleton(body, betas, local, transl), body.template, body.lbs_weights)
    assert (unmoved - before)[:, own == joint].abs().max() > 1e-6


def test_shifts_of_the_surface_follow_the_skinning_weights(setup):
    body = setup[0]
    shift = torch.zeros(24, 6, dtype=torch.float64)
    shift[4, 1] = 0.01
    torch.testing.assert_close(surface_shifted(body, shift)[:, 1], 0.01 * body.lbs_weights[:, 4])


def test_the_nearest_rotation_is_one_and_undoes_noise():
    true = rotation.exp(torch.tensor([[0.3, -1.0, 2.0], [0.0, 0.0, 0.0]], dtype=torch.float64))
    noise = torch.randn(2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(rotation.nearest(true), true)
    found = rotation.nearest(true + 0.05 * noise)
    torch.testing.assert_close(found @ found.mT, torch.eye(3, dtype=torch.float64).expand(2, 3, 3))
    torch.testing.assert_close(torch.linalg.det(rotation.nearest(-true)), torch.ones(2, dtype=torch.float64))
    assert rotation.log(found.mT @ true).norm(dim=-1).max() < 0.15
