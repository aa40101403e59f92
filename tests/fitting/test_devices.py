"""A fit on another device mixes no devices, and ends where it ends on the CPU."""

from dataclasses import replace

import numpy as np
import torch
from pretend_device import PretendDevice
from toy_body import toy_body, turning_state

from fit_avatar.body import pose_body
from fit_avatar.body.skinning import pose_points
from fit_avatar.capture import Camera, Capture
from fit_avatar.fitting import ConsensusShape, Schedule, Solve, fit, video_avatar
from fit_avatar.solvers import GaussNewton
from fit_avatar.visibility.raster import silhouette

CAMERA = Camera(150.0, 150.0, 50.0, 65.0, 100, 130)
FRAMES = 3
WANTED = (
    "initialise", "pose from keypoints", "measure the keypoints' noise", "pose and shape from outlines",
    "consensus shape 1/1",
)  # fmt: skip


def short(action):
    """Return an action that ends soon."""
    if type(action) is Solve:
        return replace(action, optimiser=GaussNewton(1))
    return (
        replace(action, optimiser=replace(action.optimiser, iterations=2)) if type(action) is ConsensusShape else action
    )


SCHEDULE = Schedule(
    "short", "all kinds of solves", tuple(short(a) for a in video_avatar("fast").actions if a.name in WANTED)
)


def seen(body):
    """Return what a camera sees of a body that turns once."""
    state = turning_state(body, FRAMES)
    points = CAMERA.project(pose_points(body, state, body.keypoint_points)).numpy()
    masks = np.stack([silhouette(v, body.faces, CAMERA).numpy() for v in pose_body(body, state).vertices])
    keypoints = np.concatenate([points, np.ones_like(points[..., :1])], -1)
    return Capture(np.arange(FRAMES), keypoints, masks, CAMERA, np.ones(FRAMES, np.float32))


def test_a_whole_fit_stays_on_its_device():
    body = toy_body(8, 12)
    assert len(SCHEDULE.actions) == len(WANTED)
    capture = seen(body)
    expected = fit(body, capture, schedule=SCHEDULE)
    with PretendDevice() as device:
        found = fit(body, capture, schedule=SCHEDULE, device="meta")
        assert found.clip.offsets.is_meta
        found = found.to(torch.device("cpu"))
    vertices = [pose_body(body, state.body_state(body)).vertices for state in (expected, found)]
    torch.testing.assert_close(*vertices, rtol=0, atol=2e-3)
    assert device.reads.total() < 150, device.reads.most_common()
