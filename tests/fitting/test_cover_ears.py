"""Hair over ears that are not seen is smooth; ears that are seen stay as they are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fit_avatar.body import load_body
from fit_avatar.body.ears import ears_and_rim, flat_ear_offsets
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.capture import Camera, Capture
from fit_avatar.fitting import Context, CoverEars, FitState, Observations
from fit_avatar.fitting.usual_pose import UsualPose

FRAMES, HAIR_M = 3, 0.02
BODY = load_body(3)


def fitted(hidden: bool | None) -> tuple[FitState, Context]:
    """Return a fit with uneven hair all around a head without ears, which is bowed."""
    start = FitState.upright(BODY, FRAMES)
    head = BODY.lbs_weights[:, BODY.joint_names.index("head")].double().numpy()
    flat = flat_ear_offsets(BODY, start.clip.betas).double().numpy()
    normals = vertex_normals(BODY.template.double().numpy() + flat, BODY.faces.numpy())
    thick = HAIR_M + 0.0005 * np.random.default_rng(0).standard_normal(len(head))
    rotations = start.clip.rotations.clone()
    turn = torch.tensor([[1.0, 0, 0], [0, np.cos(0.2), -np.sin(0.2)], [0, np.sin(0.2), np.cos(0.2)]])
    rotations[..., BODY.joint_names.index("neck"), :, :] = turn
    offsets = torch.from_numpy(flat + (head * thick)[:, None] * normals).to(start.clip.betas)
    capture = Capture(
        np.arange(FRAMES), np.ones((FRAMES, 25, 3), np.float32), np.ones((FRAMES, 8, 8), bool),
        Camera(10.0, 10.0, 4.0, 4.0, 8, 8), np.ones(FRAMES, np.float32), 30.0, ears_hidden=hidden,
    )  # fmt: skip
    seen = Observations.of(capture, torch.device("cpu"))
    clip = replace(start.clip, offsets=offsets, rotations=rotations)
    return replace(start, clip=clip), Context(BODY, lambda: seen)


@pytest.mark.parametrize("hidden", [None, False])
def test_ears_that_are_seen_stay_as_they_are(hidden):
    state, context = fitted(hidden)
    assert CoverEars().run(state, context) is state
    bare = replace(state, clip=replace(state.clip, offsets=None))
    assert CoverEars().run(bare, fitted(True)[1]) is bare


def outwards(state: FitState) -> np.ndarray:
    """Return how far normals over the ears look away from the middle."""
    surface = UsualPose.of(BODY, state.clip.body_state(BODY)).surface(state.clip.offsets.double().numpy())
    ears = ears_and_rim(BODY)
    return vertex_normals(surface, BODY.faces.numpy())[ears, 0] * np.sign(surface[ears, 0])


def test_hair_over_the_ears_is_smooth():
    state, context = fitted(True)
    after = CoverEars().run(state, context)
    assert np.mean(outwards(state) > 0.8) < 0.85 and np.mean(outwards(after) > 0.8) > 0.97
    moved = (after.clip.offsets - state.clip.offsets).norm(dim=-1)
    assert moved[torch.from_numpy(ears_and_rim(BODY))].mean() < 0.002


def test_the_face_and_the_body_stay_as_they_are():
    state, context = fitted(True)
    moved = (CoverEars().run(state, context).clip.offsets != state.clip.offsets).any(-1).numpy()
    face = (BODY.part("face") > 0.1).numpy() & ~ears_and_rim(BODY)
    assert face.sum() > 1000 and not moved[face].any()
    assert not moved[(BODY.template[:, 1] < BODY.joint_template[BODY.joint_names.index("neck"), 1] - 0.1).numpy()].any()


def test_a_body_without_ears_has_none_below_hair():
    state, context = fitted(True)
    names = tuple("horns" if name == "ears" else name for name in BODY.part_names)
    bare: Body = replace(BODY, part_names=names)
    assert CoverEars().run(state, Context(bare, context.observe)) is state
