"""Outlines of hands are matched to denser vertices, so that hands in their place are not pulled from it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar import energies as e
from fit_avatar.body import load_body, pose_body
from fit_avatar.body.hands import of_hands
from fit_avatar.silhouettes import extract_contours
from fit_avatar.solvers import Unknowns
from fit_avatar.visibility.raster import silhouette

FINE = replace(
    CAMERA, fx=4 * CAMERA.fx, fy=4 * CAMERA.fy, cx=4 * CAMERA.cx, cy=4 * CAMERA.cy, width=4 * CAMERA.width,
    height=4 * CAMERA.height,
)  # fmt: skip


@pytest.fixture(scope="module")
def seen():
    """Return a body in the true pose, seen from all sides, and its outlines."""
    body = load_body(3)
    person = turning_person(body, 6).state
    masks = np.stack([silhouette(v, body.faces, FINE).numpy() for v in pose_body(body, person).vertices])
    return Unknowns.of(body, person).posed_body(), extract_contours(masks, 600)


def compared(seen, **given):
    """Return how far hands are outside of their outlines, and all else, in millimetres."""
    x, outlines = seen
    made = e.contour_distance.prepare(x, outlines, FINE, in_metres=True, gate_m=0.03, **given)
    distance, confidence = e.contour_distance(x, made["match"], FINE, made["pixel_size"])
    hand, counted = of_hands(x.body)[made["match"].vertices], confidence > 0
    return 1000 * distance[hand & counted], 1000 * distance[~hand & counted]


def test_hands_in_their_place_are_nearer_to_their_outlines(seen):
    (usual, others), (dense, same) = compared(seen), compared(seen, hand_spacing_m=0.004)
    assert len(dense) > 60 and len(dense) >= len(usual)
    assert dense.square().mean() < 0.5 * usual.square().mean()
    assert dense.mean().abs() < 0.5 * usual.mean().abs()
    assert same.square().mean() < 1.1 * others.square().mean()


def test_the_usual_spacing_at_hands_changes_nothing(seen):
    for usual, given in zip(compared(seen), compared(seen, hand_spacing_m=0.015), strict=True):
        assert torch.equal(usual, given)
