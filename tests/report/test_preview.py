"""The preview shows the texture where it belongs."""

import cv2
import numpy as np

from fit_avatar.report import render_view, write_preview


def test_views_show_the_texture(body, state):
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[...] = (200, 40, 40)
    picture = render_view(body, state, texture, 0.0, (120, 160))
    assert picture.shape == (160, 120, 3)
    person = picture[..., 1] < 100
    assert 0.1 < person.mean() < 0.9
    assert (picture[person][:, 0] > 120).all()


def test_left_and_right_sides_differ(body, state):
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[:, :32, 0], texture[:, 32:, 1] = 255, 255
    left, right = (render_view(body, state, texture, yaw, (60, 80)).astype(int) for yaw in (90.0, 270.0))
    assert np.abs(left - right).mean() > 5


def test_file_is_a_picture(tmp_path, body, state):
    path = write_preview(tmp_path / "preview.png", body, state, np.full((64, 64, 3), 128, np.uint8))
    assert cv2.imread(str(path)).shape == (900, 4 * 560, 3)
