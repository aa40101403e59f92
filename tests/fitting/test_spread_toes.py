"""The toes' triangles of a person in shoes are spread over the caps, and nothing else moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fit_avatar.body import load_body
from fit_avatar.body.shoes import shoe_offsets
from fit_avatar.body.skinning import shaped
from fit_avatar.capture import Camera, Capture
from fit_avatar.fitting import Context, FitState, Observations, SpreadToes

BODY = load_body(3)
BETAS = torch.tensor([0.5, -0.5, 0.0])


def fitted(shoes):
    """A fit of a person in shoes, and observations that say so or not."""
    capture = Capture(
        np.arange(2), np.zeros((2, 25, 3), np.float32), np.zeros((2, 96, 60), bool), Camera(120, 120, 30, 48, 60, 96),
        np.ones(2, np.float32), 30.0, shoes=shoes,
    )  # fmt: skip
    seen = Observations.of(capture, torch.device("cpu"))
    start = FitState.upright(BODY, 2)
    clip = replace(start.clip, betas=BETAS, offsets=shoe_offsets(BODY, BETAS).float())
    return replace(start, clip=clip), Context(BODY, lambda: seen)


def areas_mm2(clip):
    corners = shaped(BODY, clip.betas, clip.offsets).double().numpy()[BODY.faces.numpy()]
    return 1e6 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2


def test_no_triangle_stays_a_point():
    state, context = fitted(shoes=True)
    after = SpreadToes().run(state, context)
    before, spread = areas_mm2(state.clip), areas_mm2(after.clip)
    assert (before < 1e-4).sum() > 100 and (spread < 1e-2).sum() == 0
    moved = (after.clip.offsets != state.clip.offsets).any(1).numpy()
    toes = BODY.lbs_weights[:, [BODY.joint_names.index(f"{side}_foot") for side in ("left", "right")]].sum(1) > 0.3
    assert set(np.flatnonzero(moved)) <= set(np.flatnonzero(toes))


def test_the_surface_stays():
    state, context = fitted(shoes=True)
    after = SpreadToes().run(state, context)
    volumes = []
    for clip in (state.clip, after.clip):
        a, b, c = shaped(BODY, clip.betas, clip.offsets).double().numpy()[BODY.faces.numpy()].transpose(1, 0, 2)
        volumes.append(np.einsum("fx,fx->", a, np.cross(b, c)) / 6)
    assert abs(volumes[1] - volumes[0]) < 2e-6  # two millilitres, of two feet of a litre each


@pytest.mark.parametrize("shoes", [False, None])
def test_bare_feet_stay_the_same(shoes):
    state, context = fitted(shoes)
    assert SpreadToes().run(state, context) is state


def test_before_a_shape_there_is_nothing_to_spread():
    state, context = fitted(shoes=True)
    bare = replace(state, clip=replace(state.clip, offsets=None))
    assert SpreadToes().run(bare, context) is bare
