"""Rotations between directions."""

from __future__ import annotations

import torch

from fit_avatar.body import rotation


def test_the_smallest_rotation_between_directions():
    start, end = torch.randn(2, 50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    turn = rotation.between(start, end)
    unit_start, unit_end = (torch.nn.functional.normalize(each, dim=-1) for each in (start, end))
    torch.testing.assert_close((turn @ unit_start[..., None])[..., 0], unit_end)
    angle = torch.acos((unit_start * unit_end).sum(-1))
    torch.testing.assert_close(rotation.log(turn).norm(dim=-1), angle)
    torch.testing.assert_close(rotation.between(start, 2 * start), torch.eye(3, dtype=torch.float64).expand(50, 3, 3))
