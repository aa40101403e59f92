"""The solve that tries several starts where nobody tells in which directions limbs point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from synthetic import CAMERA

from fit_avatar.body.skinning import pose_points
from fit_avatar.capture import Capture
from fit_avatar.capture.limb_directions import LIMBS
from fit_avatar.energies.directions import ENDS
from fit_avatar.fitting import Context, FitState, Observations, preset
from fit_avatar.fitting.actions import Initialise, ResolveLimbs, Solve
from fit_avatar.fitting.actions.resolve_limbs import told_directions
from tests.fitting.sitting import BODY, LEGS, joints, segments, sitting

FRAMES = 3
TRUTH = sitting(FRAMES)


def observed() -> Observations:
    points = pose_points(BODY, TRUTH.body_state(BODY), BODY.keypoint_points)
    keypoints = torch.cat([CAMERA.project(points), torch.ones(FRAMES, 25, 1)], -1).numpy()
    empty = np.zeros((FRAMES, 8, 8), bool)
    capture = Capture(np.arange(FRAMES), keypoints, empty, CAMERA, np.ones(FRAMES, np.float32))
    return Observations.of(capture, torch.device("cpu"), 1.7)


def action() -> ResolveLimbs:
    found = preset("motion").action("pose from keypoints and directions")
    assert isinstance(found, ResolveLimbs)
    return found


def run(solve: Solve, seen: Observations) -> FitState:
    context = Context(BODY, lambda: seen)
    return solve.run(Initialise().run(FitState.upright(BODY, FRAMES), context), context)


def told(seen: Observations, limbs: int) -> Observations:
    """Return the observations with true directions of the first limbs."""
    ends = pose_points(BODY, TRUTH.body_state(BODY), BODY.keypoint_points)[:, list(ENDS)].unflatten(1, (-1, 2))
    along = torch.nn.functional.normalize(ends[:, :, 1] - ends[:, :, 0], dim=-1)
    precision = torch.zeros(FRAMES, len(LIMBS))
    precision[:, :limbs] = 5.0
    return replace(seen, limb_directions=along, limb_precision=precision)


def test_thighs_that_point_to_the_camera_are_found() -> None:
    seen = observed()
    plain, resolved = run(replace(action(), rounds=0), seen), run(action(), seen)
    off = [(segments(found.clip) - segments(TRUTH)).norm(dim=-1)[:, LEGS, 0].mean() for found in (plain, resolved)]
    assert resolved.solves[-1][1].energy_after < plain.solves[-1][1].energy_after
    assert off[1] < 0.35 and off[0] > 2 * off[1]
    assert len(resolved.solves) == 1  # what was tried in vain is no part of the fit


def test_with_directions_it_is_a_plain_solve() -> None:
    seen = told(observed(), len(LIMBS))
    resolved, plain = (run(solve, seen).clip for solve in (action(), replace(action(), rounds=0)))
    assert torch.equal(joints(resolved), joints(plain))


def test_what_a_detector_tells_is_counted_where_limbs_are_seen() -> None:
    seen = observed()

    def share(limbs: int) -> float:
        return told_directions(seen.keypoints, told(seen, limbs).limb_precision)

    assert told_directions(seen.keypoints, None) == 0.0
    assert share(4) == 0.5 and share(8) == 1.0
    seen.keypoints[..., 2] = 0.0
    assert share(8) == 0.0


def test_the_trunk_is_placed_by_its_own_points() -> None:
    trunk = action().of_trunk()
    assert trunk.free == ("global_orient", "transl", "betas")
    assert "mixture_pose_prior" not in [term.name for term in trunk.terms]
    assert trunk.term("keypoint_reprojection").data["in_metres"]
