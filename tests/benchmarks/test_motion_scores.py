"""Motions against the truth, and the parts of an ablation."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.skinning import pose_points
from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.types import LimbDirections
from fit_avatar.energies import (
    Term,
    contour_distance,
    joint_limits,
    keypoint_reprojection,
    limb_direction,
    mixture_pose_prior,
)
from fit_avatar.fitting import ConsensusShape, ResolveLimbs, Schedule, Solve, preset
from fit_avatar.report import limb_trust, limb_warnings
from lib.motion_errors import LIMB_ENDS, motion_errors, named_limbs, wrong_limbs
from lib.motion_scores import PARTS, POINTS, UNTOLD, parts_of, table, with_parts

RNG = np.random.default_rng(0)


def test_errors_do_not_count_what_alignment_removes():
    truth = RNG.normal(size=(6, 24, 3))
    turned = Rotation.from_euler("y", 30, degrees=True).apply(truth.reshape(-1, 3)).reshape(truth.shape)
    same = motion_errors(truth + 0.1, truth, np.arange(6), 30.0)
    assert same.mpjpe_mm == pytest.approx(0, abs=1e-6)
    assert same.acceleration_m_s2 == pytest.approx(0, abs=1e-6)
    rotated = motion_errors(1.2 * turned, truth, np.arange(6), 30.0)
    assert rotated.mpjpe_mm > 100
    assert rotated.pa_mpjpe_mm == pytest.approx(0, abs=1e-6)
    assert rotated.limb_pa_mpjpe_mm == pytest.approx(0, abs=1e-6)


def test_accelerations_are_in_metres_and_seconds_and_skip_gaps():
    frames = np.array([0, 1, 2, 3, 10, 12, 14])
    truth, falls = np.zeros((7, 24, 3)), np.zeros((7, 24, 3))
    falls[:, 1:, 1] = (4.9 * (frames / 30) ** 2)[:, None]
    errors = motion_errors(falls, truth, frames, 30.0)
    assert errors.acceleration_m_s2 == pytest.approx(9.8)
    assert errors.true_acceleration_m_s2 == 0
    assert math.isnan(motion_errors(falls[:2], truth[:2], frames[:2], 30.0).acceleration_m_s2)


def test_a_limb_is_wrong_where_it_often_points_elsewhere():
    truth = RNG.normal(size=(20, 25, 3))
    wrist, elbow = (BODY_25.index(f"left_{name}") for name in ("wrist", "elbow"))
    for count, wrong in ((4, ()), (8, ("left forearm",))):
        points = truth.copy()
        points[:count, wrist] = 2 * points[:count, elbow] - points[:count, wrist]
        assert wrong_limbs(points, truth) == wrong


def test_the_limbs_that_the_program_names_are_understood(body, state):
    limbs = tuple(f"{BODY_25[a]}-{BODY_25[b]}" for a, b in LIMB_ENDS.values())
    points = pose_points(body, state, body.keypoint_points).double().numpy()
    along = np.stack([points[:, b] - points[:, a] for a, b in LIMB_ENDS.values()], 1)
    away = -along / np.linalg.norm(along, axis=-1, keepdims=True)
    shape = away.shape[:2]
    camera = Camera(300.0, 300.0, 64.0, 64.0, 128, 128)
    capture = Capture(
        np.arange(shape[0]), np.zeros((shape[0], 25, 3), np.float32), np.zeros((shape[0], 128, 128), bool), camera,
        np.ones(shape[0], np.float32), limb_directions=LimbDirections(limbs, away, np.full(shape, 0.1)),
    )  # fmt: skip
    assert named_limbs(limb_warnings(limb_trust(body, state, capture))) == tuple(LIMB_ENDS)
    assert named_limbs(("The person is cut off.",)) == ()


@pytest.fixture
def plan() -> Schedule:
    common = (Term(keypoint_reprojection, 1.0), Term(joint_limits, 1.0))
    terms = (*common, Term(limb_direction, 1.0), Term(contour_distance, 1.0), Term(mixture_pose_prior, 1.0))
    solves = (Solve("first", terms[:3]), Solve("second", terms))
    return Schedule("any", "for a test", (*solves, ConsensusShape("shape"), Solve("last", terms)))


def test_parts_join_one_after_the_other(plan: Schedule):
    assert parts_of(plan) == [POINTS, "directions", "outlines", "prior"]
    known = {term for terms in PARTS.values() for term in terms}
    seen = []
    for part in parts_of(plan):
        less = with_parts(plan, part)
        names = {term.name for solve in less.solves for term in solve.terms}
        assert {"keypoint_reprojection", "joint_limits"} <= names
        seen.append(names & known)
        assert any(isinstance(a, ConsensusShape) for a in less.actions) == ("contour_distance" in names)
    assert [len(names) for names in seen] == [0, 1, 2, 3]
    assert with_parts(plan, "contact") == plan


def test_without_directions_one_start_or_several():
    plan = preset("motion")
    assert with_parts(plan, UNTOLD[1]) == plan

    def starts(part: str) -> list[int]:
        return [solve.rounds for solve in with_parts(plan, part).solves if isinstance(solve, ResolveLimbs)]

    assert starts(UNTOLD[0]) == [0] == starts(POINTS) and starts("directions")[0] > 0


def test_the_table_has_refusals_and_means_of_what_was_fitted():
    way = {"inputs": "raw", "preset": "motion", "terms": "all"}
    numbers = {
        "mpjpe_mm": 60.0, "pa_mpjpe_mm": 40.0, "limb_pa_mpjpe_mm": 50.0, "acceleration_m_s2": 2.0,
        "true_acceleration_m_s2": 3.0, "iou": 0.95, "frames": 60, "seconds": 9.0, "exit": 0,
        "wrong": ["left shin"], "missed": ["left shin"], "false": [], "said": ["The shape is a guess."],
    }  # fmt: skip
    rows = [
        {"clip": "walk", **way, **numbers},
        {"clip": "kick", **way, **numbers, "pa_mpjpe_mm": 60.0},
        {"clip": "run", **way, "exit": 2, "seconds": 1.0, "said": ["Nobody is seen."]},
    ]
    lines = table(rows).splitlines()
    assert lines[4].startswith("| run | raw | motion | all | – |")
    assert lines[5].startswith("| **mean of 2** | raw | motion | all | 60 | 50 | 50 |")
    assert "- run raw motion all: Nobody is seen." in lines
