"""Poses that other programs computed, as a start for a fit."""

from fit_avatar.capture.others.given_poses import GivenPoses
from fit_avatar.capture.others.read import read_poses

__all__ = ["GivenPoses", "read_poses"]
