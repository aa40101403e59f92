"""A texture that is made on another device is the same, mixes no devices, and seldom waits for the device."""

from dataclasses import replace

import numpy as np
import pytest
from painted_film import FRAMES, Film, first_frames, paint, shoot
from pretend_device import DEVICE, PretendDevice, moved
from toy_body import toy_body, turning_state

from fit_avatar.texture import TEXTURE, VIEW_SELECTION, Texture, bake

FEW = replace(TEXTURE, view_selection=replace(VIEW_SELECTION, max_key_frames=3))
SIZE = 128


@pytest.fixture(scope="module")
def film() -> Film:
    body = toy_body(24, 32)
    return shoot(body, turning_state(body, FRAMES, bend=0.02), paint())


def baked_there(film: Film, count: int) -> tuple[Texture, PretendDevice]:
    state, capture = first_frames(film, count)
    with PretendDevice() as device:
        given = film.body.to(DEVICE), moved(state), capture, film.frames
        device.reset()
        return bake(*given, size=SIZE, config=FEW, relief=True), device


def test_a_texture_stays_on_its_device(film: Film) -> None:
    expected = bake(film.body, film.state, film.capture, film.frames, size=SIZE, config=FEW, relief=True)
    (few, fewer), (found, more) = (baked_there(film, count) for count in (FRAMES // 2, FRAMES))
    assert expected.seen_fraction > 0.5 and expected.relief is not None and found.relief is not None
    assert np.abs(found.image.astype(int) - expected.image).max() <= 1
    np.testing.assert_allclose(found.gains, expected.gains, rtol=1e-4)
    np.testing.assert_allclose(found.relief.pull, expected.relief.pull, rtol=1e-3, atol=1e-2)
    assert len(few.key_frames) == len(found.key_frames) == 3
    more.reads.subtract(fewer.reads)
    more.uploads.subtract(fewer.uploads)
    # the rasteriser asks for sizes; what is drawn has a box; which texels are seen; no picture comes back
    assert more.reads.total() <= 12 * FRAMES / 2, more.reads.most_common()
    # a crop is three tensors; the camera, the mask
    assert more.uploads.total() <= 5 * FRAMES / 2, more.uploads.most_common()
    copied = {line for line, count in more.reads.items() if count > 0 and line.endswith("copy")}
    assert all(line.startswith("visibility/") for line in copied), copied
