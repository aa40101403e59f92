"""A brim is one ring of a head's vertices, drawn out to an edge; nothing else but its neighbours moves."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fit_avatar.body import BodyState, load_body
from fit_avatar.body.brim import ABOVE_EYES_M, EYES, THICKNESS_M, BrimEdge, grown_brim, head_skin, may_be_below_hat
from fit_avatar.body.skinning import shaped

BODY = load_body(3)
HEAD = BODY.joint_names.index("head")
JOINT = BODY.joint_template[HEAD].double().numpy()
STATE = BodyState(
    torch.zeros(3), torch.zeros_like(BODY.template), torch.zeros(1, 3), torch.zeros(1, len(BODY.joint_names) - 1, 3),
    torch.zeros(1, 3),
)  # fmt: skip
REST = shaped(BODY, STATE.betas).double().numpy() - JOINT


def round_edge(radius: float, height: float, tilt: float = 0.0) -> BrimEdge:
    """Return a circle around the joint, higher by ``tilt`` at the back than in front."""
    angle = np.linspace(-np.pi, np.pi, 90, endpoint=False)
    return BrimEdge(np.stack([radius * np.sin(angle), height - tilt / 2 * np.cos(angle), radius * np.cos(angle)], 1))


def drawn_out(moved: np.ndarray) -> np.ndarray:
    """Return which vertices of the head are farther from its axis than it is wide. [V]"""
    return head_skin(BODY) & (np.hypot(moved[:, 0], moved[:, 2]) > 0.14)


def test_an_edge_is_read_at_any_angle():
    radius, height = round_edge(0.15, 0.08, 0.02).at(np.array([-3.14, 0.0, np.pi / 2]), np.array([0.0, 0.01]))
    assert radius == pytest.approx([0.16, 0.14, np.sqrt(0.15**2 - 0.01**2)], abs=1e-3)
    assert height == pytest.approx([0.09, 0.07, 0.08], abs=1e-3)


@pytest.mark.parametrize("tilt", [0.0, 0.03])
def test_the_edge_is_reached_all_around(tilt):
    edge = round_edge(0.16, 0.09, tilt)
    moved = REST + grown_brim(BODY, STATE, edge)
    tips = np.flatnonzero(drawn_out(moved))
    around = np.sort(np.arctan2(moved[tips, 0], moved[tips, 2]))
    assert np.diff(around, append=around[0] + 2 * np.pi).max() < np.radians(
        22
    )  # chords of 22° lie 3 mm inside a circle of this size
    assert np.hypot(moved[tips, 0], moved[tips, 2]) == pytest.approx(0.16, abs=1e-3)
    assert moved[tips, 1] == pytest.approx(edge.at(np.arctan2(*moved[tips][:, [0, 2]].T), np.zeros(2))[1], abs=2e-3)


def test_the_brim_is_one_closed_ring():
    moved = REST + grown_brim(BODY, STATE, round_edge(0.16, 0.09))
    tip = drawn_out(moved)
    faces = BODY.faces.numpy()
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    along = edges[tip[edges].all(1)]
    reached = {int(along[0, 0])}
    while True:
        more = set(along[np.isin(along, list(reached)).any(1)].ravel().tolist())
        if more == reached:
            break
        reached = more
    assert reached == set(np.flatnonzero(tip).tolist())


def test_it_is_thin_at_the_head():
    moved = REST + grown_brim(BODY, STATE, round_edge(0.16, 0.09))
    tip = drawn_out(moved)
    faces = BODY.faces.numpy()
    beside = np.setdiff1d(faces[tip[faces].any(1)], np.flatnonzero(tip))
    root = np.abs(np.abs(moved[beside, 1] - 0.09))
    assert root == pytest.approx(THICKNESS_M / 2, abs=1e-4)


def test_eyes_and_what_is_below_stay_where_they_are():
    offsets = grown_brim(BODY, STATE, round_edge(0.16, 0.05, 0.04))  # lower than the eyes in front
    eyes = BODY.keypoint_points.template[EYES].double().numpy() - JOINT
    lids = np.linalg.norm(REST[:, None] - eyes, axis=2).min(1) < ABOVE_EYES_M - 0.005
    assert lids.sum() > 50 and not offsets[lids].any()
    assert not offsets[~head_skin(BODY)].any()


def test_without_a_brim_behind_a_visor_the_head_keeps_its_form():
    angle = np.linspace(-np.pi, np.pi, 90, endpoint=False)
    radius = np.where(np.abs(angle) < 0.7, 0.17, 0.02)
    visor = BrimEdge(np.stack([radius * np.sin(angle), np.full(90, 0.1), radius * np.cos(angle)], 1))
    offsets = grown_brim(BODY, STATE, visor)
    behind = REST[:, 2] < 0
    assert np.linalg.norm(offsets[behind][:, [0, 2]], axis=1).max() < 0.012
    assert (REST + offsets)[head_skin(BODY), 2].max() == pytest.approx(0.17, abs=0.005)


def test_an_edge_away_from_the_head_moves_nothing():
    assert not grown_brim(BODY, STATE, round_edge(0.16, 0.5)).any()


def test_a_hat_covers_what_is_well_above_the_eyes():
    covered = may_be_below_hat(BODY).numpy()
    eyes = BODY.keypoint_points.template[EYES, 1].mean().item() - JOINT[1]
    assert covered[head_skin(BODY) & (REST[:, 1] > 0.12)].all()
    assert covered.any() and REST[covered, 1].min() > eyes + ABOVE_EYES_M - 1e-6 and head_skin(BODY)[covered].all()
    headless = replace(BODY, joint_names=tuple(name if name != "head" else "top" for name in BODY.joint_names))
    assert not may_be_below_hat(headless).any()
