from __future__ import annotations

import numpy as np

from fit_avatar.capture.box import bounding_box, mask_height


def test_the_box_holds_the_mask_exactly() -> None:
    mask = np.zeros((10, 12), bool)
    assert bounding_box(mask) is None and mask_height(mask) == 0
    mask[2, 5] = mask[6, 3] = True
    assert bounding_box(mask) == (slice(2, 7), slice(3, 6)) and mask_height(mask) == 4
    assert mask[bounding_box(mask)].sum() == 2
