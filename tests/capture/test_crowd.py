from __future__ import annotations

import cv2
import numpy as np
from cardboard import person

from fit_avatar.capture import Camera
from fit_avatar.capture.crowd import crowd_warning, is_doubtful, others_in


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


def test_where_others_are_is_kept() -> None:
    camera = Camera(100.0, 100.0, 60.0, 50.0, 120, 100)
    somebody = np.zeros((50, 60), np.uint8)
    somebody[10:20, 5:9] = 200
    found = others_in([None, somebody], camera)
    assert found is not None and not found[0].any() and (found[1] == (somebody > 127)).all()
    assert others_in([None, None], camera) is None
    assert others_in([np.zeros((50, 60), np.uint8)], camera) is None
