"""A motion at a whole number of poses a second, for formats that know no times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from fit_avatar.export.motion import Motion

FloatArray = NDArray[np.float64]

SAME_TIME = 1e-6
"""A pose this fraction of an interval after the last one is still within the clip."""


def at_rate(motion: Motion, times_s: FloatArray, rate: float) -> Motion:
    """Return the poses at a steady rate from the first to the last one's time.

    Rotations are interpolated on the sphere (slerp), the pelvis linearly.

    Args:
        motion: T poses.
        times_s: of the poses in seconds, ascending, at whatever distances. [T]
        rate: wanted, in poses a second.

    Returns:
        N poses, of which the k-th is of the time ``times_s[0] + k / rate``.
    """
    if len(times_s) < 2:
        return motion
    count = int((times_s[-1] - times_s[0]) * rate + SAME_TIME) + 1
    even = np.minimum(times_s[0] + np.arange(count) / rate, times_s[-1])
    joints = [Slerp(times_s, Rotation.from_quat(turns))(even).as_quat() for turns in motion.rotations.swapaxes(0, 1)]
    pelvis = [np.interp(even, times_s, axis) for axis in motion.pelvis.T]
    return replace(motion, rotations=np.stack(joints, 1), pelvis=np.stack(pelvis, 1))
