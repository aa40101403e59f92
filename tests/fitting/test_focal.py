"""The focal length that nobody measured: found from energies, and from a synthetic turn."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body
from fit_avatar.capture import Capture
from fit_avatar.fitting import FocalLength, Schedule, calibrated, fit, video_avatar
from fit_avatar.solvers import Adam
from fit_avatar.visibility.raster import silhouette

FRAMES = 12
ESTIMATE = video_avatar("fast").actions[1]
FIRST = Schedule("first", "", video_avatar("fast").actions[:3])


def parabola(best, sigma, tried):
    def energy(factor):
        tried.append(factor)
        return 700 + ((1 / factor - best) / sigma) ** 2

    return energy


@pytest.mark.parametrize("best", [1.4, 1.0, 0.7, 0.45])
def test_the_lowest_point_of_a_parabola_is_found(best):
    tried = []
    found = ESTIMATE.lowest(parabola(best, 0.05, tried), guess_sigma=100.0)
    assert found.factor == pytest.approx(1 / best, rel=1e-4)
    assert found.sigma == pytest.approx(0.05 / best, rel=1e-2)
    assert len(ESTIMATE.trials) <= len(tried) <= ESTIMATE.most_trials
    assert len(set(tried)) == len(tried)


def test_energies_that_say_nothing_leave_the_guess():
    found = ESTIMATE.lowest(lambda factor: 5.0, guess_sigma=0.3)
    assert found.factor == pytest.approx(1.0)
    assert found.sigma == pytest.approx(0.3)


def test_a_guess_weighs_against_weak_energies():
    free = ESTIMATE.lowest(parabola(0.7, 0.3, []), guess_sigma=100.0)
    held = ESTIMATE.lowest(parabola(0.7, 0.3, []), guess_sigma=0.1)
    assert 0 < math.log(held.factor) < math.log(free.factor)


def test_trials_end_where_energies_fall_forever():
    tried = []

    def energy(factor):
        tried.append(factor)
        return -1e4 * factor

    found = ESTIMATE.lowest(energy, guess_sigma=0.3)
    assert len(tried) == ESTIMATE.most_trials
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
    fitted = fit(body, replace(capture, camera=guess), height_m=clip.height_m, schedule=FIRST)
    told = calibrated(replace(capture, camera=guess), fitted)
    assert told.camera.fx == pytest.approx(CAMERA.fx, rel=0.1)
    assert told.camera.fx == pytest.approx(told.camera.fy)
    assert 0 < told.camera.focal_sigma < guess.focal_sigma
    assert told.camera.source == "estimated from the clip"
    assert f"{told.camera.fx:.0f} px" in told.warnings[-1]
    depth = fitted.clip.transl[:, 2].mean()
    assert float(depth) == pytest.approx(float(clip.state.transl[:, 2].mean()), rel=0.1)


def test_later_actions_see_by_the_estimated_camera(body, seen):
    clip, capture = seen
    guess = replace(CAMERA.zoomed(0.7), focal_sigma=0.35)
    plan = Schedule("two", "", video_avatar("fast").actions[:5])
    rough, tracked = (
        fit(body, replace(capture, camera=guess), height_m=1.7, schedule=schedule) for schedule in (FIRST, plan)
    )
    assert tracked.focal == rough.focal
    assert float(tracked.clip.transl[:, 2].mean()) == pytest.approx(float(clip.state.transl[:, 2].mean()), rel=0.1)


def test_a_known_camera_stays(body, seen):
    clip, capture = seen
    fitted = fit(body, capture, height_m=clip.height_m, schedule=FIRST)
    assert fitted.focal is None
    assert calibrated(capture, fitted) is capture


def test_trials_use_the_optimiser_of_the_solve(body, seen, monkeypatch):
    clip, capture = seen
    used = []
    monkeypatch.setattr(
        type(ESTIMATE), "lowest", lambda self, energy, sigma: used.append(energy(1.0)) or FocalLength(1.0, sigma)
    )
    solved = type(ESTIMATE).solved
    kinds = []

    def noted(self, state, observations, context, optimiser=None):
        kinds.append((type(optimiser or self.optimiser).__name__, (optimiser or self.optimiser).iterations))
        return solved(self, state, observations, context, optimiser)

    monkeypatch.setattr(type(ESTIMATE), "solved", noted)
    guess = replace(CAMERA, focal_sigma=0.35)
    action = replace(ESTIMATE, optimiser=Adam(4))
    plan = Schedule("adam", "", (FIRST.actions[0], action))
    fit(body, replace(capture, camera=guess), height_m=clip.height_m, schedule=plan)
    assert kinds == [("Adam", 4), ("Adam", ESTIMATE.trial_iterations)] and len(used) == 1
