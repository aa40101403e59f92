"""Feet in shoes: toes in one cap, a flat sole, nothing moved above the ankles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial import ConvexHull

from fit_avatar.body import load_body
from fit_avatar.body.shoes import BLUNT_ROOM_M, THICK_M, TOE_BOX_M, TOE_ROOM_M, shoe_offsets
from fit_avatar.body.skinning import shaped


@pytest.fixture(scope="module")
def default():
    return load_body(4)


BETAS = [(0.0, 0.0, 0.0, 0.0), (1.5, -1.0, 0.5, 1.0)]


@pytest.fixture(scope="module", params=[(betas, toe_box) for betas in BETAS for toe_box in (False, True)])
def shape(request):
    """Betas, and whether the shoe has a toe box."""
    return torch.tensor(request.param[0]), request.param[1]


@pytest.fixture(scope="module")
def feet(shape, default):
    """The naked and the shod vertices of one shape."""
    betas, toe_box = shape
    naked = shaped(default, betas).double().numpy()
    return naked, naked + shoe_offsets(default, betas, toe_box).double().numpy()


def left_foot(body):
    joints = [body.joint_names.index(name) for name in ("left_ankle", "left_foot")]
    return (body.lbs_weights[:, joints].sum(1).numpy() > 0.9) & body.skin.numpy()


def left_toes(body):
    return (body.lbs_weights[:, body.joint_names.index("left_foot")].numpy() > 0.5) & body.skin.numpy()


def depth_in_hull(points):
    """How deep each of some points is inside their convex hull."""
    hull = ConvexHull(points).equations
    return -(points @ hull[:, :3].T + hull[:, 3]).max(1)


def test_the_gaps_between_the_toes_are_closed(default, feet):
    naked, shod = (depth_in_hull(vertices[left_toes(default)]) for vertices in feet)
    assert np.percentile(naked, 90) > 0.006  # a gap
    assert np.percentile(shod, 90) < 0.004


def arch(vertices):
    """How much higher the lowest point is in one slice of the foot's inner half than in another, heel to ball."""
    inner = vertices[vertices[:, 0] < np.median(vertices[:, 0])]
    low, high = np.percentile(vertices[:, 2], [5, 60])
    slices = np.digitize(inner[:, 2], np.linspace(low, high, 8))
    return np.ptp([inner[slices == k, 1].min() for k in range(1, 8)])


def test_the_sole_is_flat(default, feet):
    naked, shod = (arch(vertices[left_foot(default)]) for vertices in feet)
    assert shod < 0.004 and shod < 0.6 * naked


def test_a_shoe_is_larger_than_the_foot_all_around_but_not_much(default, shape, feet):
    room = BLUNT_ROOM_M if shape[1] else TOE_ROOM_M
    naked, shod = (vertices[left_foot(default)] for vertices in feet)
    for axis in range(3):
        assert naked[:, axis].min() - 2 * THICK_M < shod[:, axis].min() < naked[:, axis].min()
    assert shod[:, 0].max() > naked[:, 0].max()
    assert 0.5 * room < shod[:, 2].max() - naked[:, 2].max() < 2 * (room + THICK_M)


def height_behind_tip(vertices, behind=0.02):
    """Height of a foot in a slice behind its tip, over its lowest place."""
    near = np.abs(vertices[:, 2] - vertices[:, 2].max() + behind) < 0.006
    return vertices[near, 1].max() - vertices[:, 1].min()


@pytest.mark.parametrize("betas", BETAS)
def test_a_toe_box_is_high_and_its_tip_no_edge(default, betas):
    betas = torch.tensor(betas)
    naked = shaped(default, betas).double().numpy()
    low, high = (naked + shoe_offsets(default, betas, box).double().numpy() for box in (False, True))
    naked, low, high = (vertices[left_foot(default)] for vertices in (naked, low, high))
    assert height_behind_tip(naked) < 0.75 * TOE_BOX_M
    assert TOE_BOX_M < height_behind_tip(high) + THICK_M < TOE_BOX_M + 3 * THICK_M
    assert height_behind_tip(high, 0.005) > height_behind_tip(low, 0.005) + THICK_M


def test_nothing_else_moves_and_both_feet_move_alike(default):
    offsets = shoe_offsets(default, torch.zeros(4))
    assert offsets.shape == default.template.shape
    ankle = float(default.joint_template[default.joint_names.index("left_ankle"), 1])
    assert float(offsets[default.template[:, 1] > ankle + 0.08].abs().max()) == 0.0
    mirrored = offsets[default.mirror] * torch.tensor([-1.0, 1.0, 1.0])
    assert float((offsets - mirrored).norm(dim=1).median()) < 1e-4


def test_a_body_whose_feet_are_no_feet_stays_as_it_is(body, default):
    assert torch.isfinite(shoe_offsets(body, torch.zeros(body.num_betas))).all()
    names = tuple(name.replace("ankle", "hoof") for name in default.joint_names)
    assert not shoe_offsets(replace(default, joint_names=names), torch.zeros(4)).any()
