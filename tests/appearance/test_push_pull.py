"""Unknown pixels take the colours around them."""

import numpy as np

from fit_avatar.appearance.push_pull import push_pull


def test_push_pull_keeps_what_is_known_and_fills_the_rest() -> None:
    known = np.zeros((33, 40), bool)
    known[4:9, 5:20] = True
    image = np.where(known[..., None], np.float32([10, 20, 30]), 0).astype(np.float32)
    filled = push_pull(image, known)
    np.testing.assert_allclose(filled, np.broadcast_to(np.float32([10, 20, 30]), filled.shape), atol=1e-3)
