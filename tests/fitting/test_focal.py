"""The focal length that nobody measured: found from energies, and from a synthetic turn."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body
from fit_avatar.capture import Capture
from fit_avatar.fitting import CONTOUR_POINTS, Preset, begin, calibrated, fit, gather_evidence, run_stage, stages
from fit_avatar.fitting.focal import MOST_TRIALS, TRIALS, estimate_focal
from fit_avatar.visibility.raster import silhouette

FRAMES = 12


def parabola(best, sigma, tried):
    def energy(factor):
        tried.append(factor)
        return 700 + ((1 / factor - best) / sigma) ** 2

    return energy


@pytest.mark.parametrize("best", [1.4, 1.0, 0.7, 0.45])
def test_the_lowest_point_of_a_parabola_is_found(best):
    tried = []
    found = estimate_focal(parabola(best, 0.05, tried), guess_sigma=100.0)
    assert found.factor == pytest.approx(1 / best, rel=1e-4)
    assert found.sigma == pytest.approx(0.05 / best, rel=1e-2)
    assert len(TRIALS) <= len(tried) <= MOST_TRIALS
    assert len(set(tried)) == len(tried)


def test_energies_that_say_nothing_leave_the_guess():
    found = estimate_focal(lambda factor: 5.0, guess_sigma=0.3)
    assert found.factor == pytest.approx(1.0)
    assert found.sigma == pytest.approx(0.3)


def test_a_guess_weighs_against_weak_energies():
    free = estimate_focal(parabola(0.7, 0.3, []), guess_sigma=100.0)
    held = estimate_focal(parabola(0.7, 0.3, []), guess_sigma=0.1)
    assert 0 < math.log(held.factor) < math.log(free.factor)


def test_trials_end_where_energies_fall_forever():
    tried = []

    def energy(factor):
        tried.append(factor)
        return -1e4 * factor

    found = estimate_focal(energy, guess_sigma=0.3)
    assert len(tried) == MOST_TRIALS
    assert math.isfinite(found.factor) and found.factor == pytest.approx(max(tried), rel=0.3)


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def seen(body):
    clip = turning_person(body, FRAMES)
    generator = torch.Generator().manual_seed(0)
    keypoints = CAMERA.project(body.keypoint_regressor @ clip.vertices)
    keypoints = keypoints + 0.5 * torch.randn(keypoints.shape, generator=generator)
    confident = torch.cat([keypoints, torch.ones(FRAMES, 25, 1)], -1)
    masks = torch.stack([silhouette(v, body.faces, CAMERA) for v in clip.vertices])
    capture = Capture(np.arange(FRAMES), confident.numpy(), masks.numpy(), CAMERA, np.ones(FRAMES, np.float32))
    return clip, capture


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_a_turn_tells_the_focal_length(body, seen, factor):
    clip, capture = seen
    guess = replace(CAMERA.zoomed(factor), focal_sigma=0.35)
    plan = Preset("first", "", stages("fast")[:1])
    fitted = fit(body, replace(capture, camera=guess), height_m=clip.height_m, schedule=plan)
    told = calibrated(replace(capture, camera=guess), fitted.state)
    assert told.camera.fx == pytest.approx(CAMERA.fx, rel=0.1)
    assert told.camera.fx == pytest.approx(told.camera.fy)
    assert 0 < told.camera.focal_sigma < guess.focal_sigma
    assert told.camera.source == "estimated from the clip"
    assert f"{told.camera.fx:.0f} px" in told.warnings[-1]
    depth = fitted.state.transl[:, 2].mean()
    assert float(depth) == pytest.approx(float(clip.state.transl[:, 2].mean()), rel=0.1)


def test_later_stages_see_by_the_estimated_camera(body, seen):
    clip, capture = seen
    guess = replace(CAMERA.zoomed(0.7), focal_sigma=0.35)
    evidence = gather_evidence(replace(capture, camera=guess), CONTOUR_POINTS, torch.device("cpu"))
    first, second = stages("fast")[:2]
    rough = run_stage(body, evidence, begin(body, evidence, clip.height_m, Preset("p", "", ())).state, first, 1.7)
    tracked = run_stage(body, evidence, rough.state, second, clip.height_m).state
    assert torch.equal(tracked.focal, rough.state.focal)
    assert float(tracked.transl[:, 2].mean()) == pytest.approx(float(clip.state.transl[:, 2].mean()), rel=0.1)


def test_a_known_camera_stays(body, seen):
    clip, capture = seen
    fitted = fit(body, capture, height_m=clip.height_m, schedule=Preset("first", "", stages("fast")[:1]))
    assert fitted.state.focal is None
    assert calibrated(capture, fitted.state) is capture
