"""Points of a painted body are found in the pictures, though its pose is a little wrong."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from painted_film import CAMERA, FRAMES, Film, first_frames, paint, shoot
from pretend_device import DEVICE, PretendDevice, moved
from toy_body import toy_body, turning_state

from fit_avatar.body import rotation
from fit_avatar.body.skinning import pose_body
from fit_avatar.correspondence import SurfaceTracker
from fit_avatar.errors import BadInputError

WRONG = 5


@pytest.fixture(scope="module")
def film() -> Film:
    body = toy_body(48, 64)
    return shoot(body, turning_state(body, FRAMES, bend=0.02), paint(), gain=0.05, light=0.2)


def turned(film: Film, angle: float):
    """Return the state with one frame turned about the vertical, which an outline would hardly show."""
    orient = film.state.global_orient.clone()
    turn = rotation.exp(torch.tensor([0.0, angle, 0.0]))
    orient[WRONG] = rotation.log(turn @ rotation.exp(orient[WRONG]))
    return replace(film.state, global_orient=orient)


def pixels(film: Film, state, vertices: torch.Tensor) -> torch.Tensor:
    posed = pose_body(film.body, state).vertices
    return CAMERA.project(posed.gather(1, vertices[..., None].expand(*vertices.shape, 3)))


def test_a_wrong_turn_is_seen(film: Film) -> None:
    state = turned(film, 0.12)
    seen = []
    tracker = SurfaceTracker(film.body, film.capture, iter(film.frames))
    found = tracker.match(state, CAMERA, lambda done, total: seen.append((done, total)))
    places, vertices = found.points, found.vertices
    assert seen[-1] == (FRAMES, FRAMES)
    certain = places[WRONG, :, 2] > 0.3
    assert certain.sum() > 20 and places[..., 2].max() <= 1
    true, wrong = (pixels(film, s, vertices)[WRONG][certain] for s in (film.state, state))
    before = (wrong - true).norm(dim=-1).median()
    after = (places[WRONG, certain, :2] - true).norm(dim=-1).median()
    assert before > 2 and after < before / 3


def test_right_poses_are_left_alone(film: Film) -> None:
    found = SurfaceTracker(film.body, film.capture, film.frames).match(film.state, CAMERA)
    places, vertices = found.points, found.vertices
    certain = places[..., 2] > 0.3
    assert (places[..., :2] - pixels(film, film.state, vertices))[certain].norm(dim=-1).median() < 0.5


def test_the_order_of_the_frames_does_not_matter(film: Film) -> None:
    state = turned(film, 0.05)
    first, second = (
        SurfaceTracker(film.body, film.capture, frames).match(state, CAMERA)
        for frames in (film.frames, film.frames[::-1])
    )
    assert torch.equal(first.points, second.points) and torch.equal(first.vertices, second.vertices)


def test_hidden_points_and_frames_without_weight_tell_nothing(film: Film) -> None:
    capture = replace(film.capture, frame_weights=np.where(np.arange(FRAMES) == 3, 0, 1).astype(np.float32))
    found = SurfaceTracker(film.body, capture, film.frames).match(film.state, CAMERA)
    places, vertices = found.points, found.vertices
    assert (places[3, :, 2] == 0).all()
    posed = pose_body(film.body, film.state).vertices
    centre = posed.mean(1, keepdim=True)
    depth = posed.gather(1, vertices[..., None].expand(*vertices.shape, 3))[..., 2]
    front = depth < centre[..., 2] + 0.1
    assert front[places[..., 2] > 0].float().mean() > 0.95


def test_one_frame_alone_tells_nothing(film: Film) -> None:
    places = SurfaceTracker(film.body, film.capture, film.frames[:1]).match(film.state, CAMERA).points
    assert places.shape[0] == FRAMES and (places[..., 2] == 0).all()


def test_wrong_frame_size_is_refused(film: Film) -> None:
    tracker = SurfaceTracker(film.body, film.capture, [(10, film.frames[0][1][::2, ::2])])
    with pytest.raises(BadInputError, match="frame 10 has 128×160 pixels, but the camera is of 256×320"):
        tracker.match(film.state, CAMERA)


def test_points_are_found_on_the_body_s_device(film: Film) -> None:
    state, capture = first_frames(film, 6)
    expected = SurfaceTracker(film.body, capture, film.frames).match(state, CAMERA)
    with PretendDevice() as device:
        body, there = film.body.to(DEVICE), moved(state)
        device.reset()
        found = SurfaceTracker(body, capture, film.frames).match(there, CAMERA)
        assert found.points.is_meta and found.vertices.is_meta
        found = found.to("cpu")
    torch.testing.assert_close(found.points, expected.points, rtol=0, atol=1e-3)
    assert torch.equal(found.vertices, expected.vertices)
    # besides the sizes of what is drawn, each frame's drawing and its mask come back, for the optical flow
    assert device.reads.total() <= 18 * 6 + 30, device.reads.most_common()
