"""What is measured on frames that lie far apart is what frames close together have."""

import numpy as np
import pytest
import torch

from fit_avatar.body import rotation
from fit_avatar.fitting.roughness import roughness
from fit_avatar.solvers import ClipState


def clip(places, angles):
    places, angles = (torch.from_numpy(each).float() for each in (places, angles))
    turns = rotation.exp(torch.stack([angles, 0 * angles, 0 * angles], -1))[:, None]
    one = torch.eye(3)
    return ClipState(turns, places, torch.zeros(1), one[None][:0], torch.zeros(25, 3))


def test_accelerations_of_all_frames_follow_from_some():
    rng, rate = np.random.default_rng(0), 30
    fine = 10  # steps of the integration in a frame
    noise = rng.normal(0, 0.002 / fine**1.5, (20_000 * fine, 4))
    path = np.cumsum(np.cumsum(noise, 0), 0)[::fine]
    path[:, 3] *= 0.1
    path -= np.linspace(0, 1, len(path))[:, None] * path[-1]
    times = np.arange(len(path)) / rate
    whole = clip(path[:, :3], path[:, 3])
    true_turn, true_move = path[:, 3] * 0, np.diff(path[:, :3], n=2, axis=0).std()
    interval = torch.tensor(1 / rate)
    for chosen in (np.arange(0, 20_000, 5), np.flatnonzero(rng.random(20_000) < 0.2)):
        index = torch.from_numpy(chosen)
        turn, move = roughness(whole.frames(index), torch.from_numpy(times[chosen]), interval)
        assert move.item() == pytest.approx(true_move, rel=0.1)
        # a turn about one of three axes
        assert turn.item() == pytest.approx(np.diff(path[:, 3], n=2).std() / 3**0.5, rel=0.1)
    assert (true_turn == 0).all()


def test_two_frames_say_nothing():
    turn, move = roughness(clip(np.zeros((2, 3)), np.zeros(2)), torch.tensor([0.0, 1.0]), torch.tensor(0.04))
    assert turn.tolist() == [0.0] and move.item() == 0.0
