from __future__ import annotations

import cv2
import numpy as np
from cardboard import person

from fit_avatar.capture.crowd import crowd_warning, is_doubtful


def test_a_mask_that_holds_somebody_else_is_doubtful() -> None:
    mask, _ = person(0.0, 288, 384)
    coarse = cv2.resize(mask.astype(np.uint8) * 255, (72, 96), interpolation=cv2.INTER_AREA)
    assert not is_doubtful(mask, coarse)
    both = mask | np.roll(mask, 40, 1)
    assert is_doubtful(both, coarse)


def test_the_user_is_told_which_frames_count_less() -> None:
    assert crowd_warning([]) == ()
    (warning,) = crowd_warning([4, 9])
    assert "in 2 of the frames used (4, 9), which count less" in warning
