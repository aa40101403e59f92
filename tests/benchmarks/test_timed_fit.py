"""What a benchmark hands to a fit, and how it compares pictures and arrays."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from determinism import difference

from fit_avatar.body import pose_body
from fit_avatar.capture import Camera, Capture
from fit_avatar.fitting import FitState, Solve, video_avatar
from fit_avatar.io.runner import Runner
from fit_avatar.progress import Silent
from fit_avatar.visibility import FrameViews
from fit_avatar.visibility.raster import rasterize
from lib.inputs import spread
from lib.measure import interpolated
from lib.texture_scores import draw, median_texture
from lib.timed_fit import Job, action_seconds, average, with_true_joints

CAMERA = Camera(300.0, 300.0, 128.0, 128.0, 256, 256)


@pytest.fixture
def seen(body, state) -> Capture:
    vertices = pose_body(body, state).vertices
    masks = np.stack([rasterize(v, body.faces, CAMERA).mask.numpy() for v in vertices])
    count = len(masks)
    return Capture(
        np.arange(count) * 10, np.zeros((count, 25, 3), np.float32), masks, CAMERA, np.ones(count, np.float32)
    )


def test_the_average_body_is_as_tall_as_the_person(body):
    scaled = average(body, 1.9)
    assert float(np.ptp(scaled.template[body.skin, 1].numpy())) == pytest.approx(1.9, abs=1e-5)
    ratio = scaled.joint_template / body.joint_template
    assert ratio[body.joint_template.abs() > 1e-3].std() < 1e-5
    assert torch.equal(average(body, None).template, body.template)


def test_spread_takes_the_frames_asked_for(seen):
    assert spread(seen, 3).frame_indices.tolist() == [0, 20, 40]
    assert spread(seen, 100) is seen


def test_true_joints_are_given_to_every_solve_for_poses(seen, body):
    truth = SimpleNamespace(joints=np.random.default_rng(0).normal(size=(100, 24, 3)))
    base, start = video_avatar(), FitState.upright(body, len(seen.frame_indices))
    plan = with_true_joints(base, seen, truth)
    for before, after in zip(base.actions, plan.actions, strict=True):
        assert after.name == before.name
        if not (isinstance(before, Solve) and before.moves_body):
            assert after is before
            continue
        for keys in (None, torch.tensor([0, 2, 5])):
            positions = after.at(replace(start, key_frames=keys)).term("true_joints").data["positions"]
            fitted = seen.frame_indices if keys is None else seen.frame_indices[keys.numpy()]
            assert np.allclose(positions, truth.joints[fitted], atol=1e-6)


def test_seconds_of_rounds_count_together():
    names = ["initialise", "consensus shape 1/3", "consensus shape 2/3", "final consensus shape"]
    runner = Runner(None, Silent(), [{"name": name, "seconds": 1.5} for name in names])
    assert action_seconds(runner) == {"initialise": 1.5, "consensus shape": 3.0, "final consensus shape": 1.5}


def test_names_tell_jobs_apart(tmp_path):
    jobs = [Job(tmp_path), Job(tmp_path, camera="guessed"), Job(tmp_path, height=False), Job(tmp_path, num_betas=0)]
    assert len({job.name for job in jobs}) == len(jobs)
    assert Job(tmp_path, camera="guessed", height=False).way == "base+guessed-camera+no-height"


def test_poses_between_frames(state):
    own = np.arange(len(state.transl)) * 10
    assert torch.allclose(interpolated(state, own, own).transl, state.transl, atol=1e-6)
    middle = interpolated(state, own, np.array([5]))
    assert torch.allclose(middle.transl[0], state.transl[:2].mean(0), atol=1e-6)


def test_a_median_forgets_what_one_frame_shows(body, state, seen):
    frames = [np.full((256, 256, 3), (30, 90, 150), np.uint8) for _ in seen.frame_indices]
    frames[2][:] = 255
    frame_views = FrameViews(body, state, seen)
    texture = median_texture(body, frame_views, iter(enumerate(frames)))
    # parts that only the spoilt frame shows keep its colour
    assert np.mean(np.abs(texture.astype(int) - (150, 90, 30)).max(-1) < 3) > 0.6
    alone = median_texture(body, frame_views, iter(enumerate([frames[2]] * len(frames))))
    assert (alone > 250).mean() > 0.95


def test_drawing_reads_texels_where_they_are():
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[10, 20] = (10, 100, 200)
    uv = np.array([[[(20 + 0.5) / 64, 1 - (10 + 0.5) / 64]]], np.float32)
    assert draw(texture, uv)[0, 0].tolist() == [200, 100, 10]
    assert draw(texture, uv, np.full((1, 1, 3), 0.5, np.float32))[0, 0].tolist() == [100, 50, 5]
    assert draw(texture, uv, np.full((1, 1, 3), 2.0, np.float32))[0, 0].tolist() == [255, 200, 20]


def test_difference_of_arrays():
    a = np.arange(4, dtype=np.float32)
    b = a.copy()
    assert difference(a, b) == ""
    b[1] += 0.5
    assert difference(a, b) == "up to 0.5"
    assert "float64" in difference(a, a.astype(np.float64))
    assert difference(a, None) == "only one run has it"
    assert difference(np.array(["x"]), np.array(["y"])) == "different"
    assert difference(np.float32([0.0]), np.float32([-0.0])) == "up to 0"
