"""Where the built-in detector sees keypoints: beside the body's, alike on both sides, in any pose the same way."""

from __future__ import annotations

import pytest
import torch

from fit_avatar.body import load_body
from fit_avatar.body.keypoint_offsets import OFFSETS_M, usual_offsets
from fit_avatar.body.keypoint_sets import BODY_25, BODY_25_MIRROR
from fit_avatar.body.skinning import local_rotations, pose_skeleton
from fit_avatar.body.state import BodyState


@pytest.fixture(scope="module")
def body():
    return load_body()


def test_offsets_are_a_few_centimetres_and_left_and_right_mirror_each_other(body):
    offsets = usual_offsets(body)
    assert offsets.shape == (25, 3)
    assert offsets.norm(dim=-1).amax() < 0.05
    middle = [BODY_25.index(name) for name in OFFSETS_M if not name.startswith("left")]
    assert offsets[middle, 0].abs().max() == 0
    mirrored = offsets[list(BODY_25_MIRROR)] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(offsets, mirrored, atol=2e-4, rtol=0)


def test_in_a_t_pose_they_are_those_of_the_table(body):
    """The default body is modelled in an A-pose, so that its bind pose is another one."""
    zero = torch.zeros(1, 3)
    state = BodyState(
        torch.zeros(body.num_betas),
        torch.zeros_like(body.template),
        zero,
        torch.zeros(1, len(body.parents) - 1, 3),
        zero,
    )
    skeleton = pose_skeleton(body, state.betas, local_rotations(state), state.transl)
    turns = torch.einsum("kj,jab->kab", body.keypoint_points.weights, skeleton.skin_rotations[0])
    posed = (turns @ usual_offsets(body)[..., None])[..., 0]
    for name, offset in OFFSETS_M.items():
        torch.testing.assert_close(posed[BODY_25.index(name)], torch.tensor(offset), atol=2e-3, rtol=0)


def test_shoulders_and_hips_are_seen_above_and_hips_before_the_joints(body):
    """What made a trunk lean back that was fitted without them."""
    offsets = usual_offsets(body)
    shoulder, hip = (offsets[BODY_25.index(f"left_{name}")] for name in ("shoulder", "hip"))
    assert shoulder[1] > 0.01 and hip[2] > 0.015 and hip[2] > shoulder[2] + 0.01
