"""A hat is named in a warning, a bare head in none."""

import numpy as np
import pytest
from drawn_person import drawn_person
from synthetic import CAMERA

from fit_avatar.capture import Capture
from fit_avatar.report import hat_warnings

FRAMES = 8


@pytest.mark.parametrize(("brim_px", "warnings"), [(0, 0), (12, 1)])
def test_a_hat_is_named(brim_px, warnings):
    seen = drawn_person(FRAMES, brim_px=brim_px)
    told = hat_warnings(Capture(np.arange(FRAMES), *seen, CAMERA, np.ones(FRAMES, np.float32)))
    assert len(told) == warnings and all("hat" in one for one in told)
