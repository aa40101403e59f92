"""A painted toy body turns in front of a camera; the texture is baked back from the pictures."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from painted_film import FRAMES, SIZE, Film, first_frames, paint, shoot
from toy_body import toy_body, turning_state

from fit_avatar.appearance import MEAN_TEXTURE
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.skinning import pose_body
from fit_avatar.errors import BadInputError
from fit_avatar.texture import TEXTURE, Texture, bake, relighting


def difference(texture: Texture, painted: NDArray[np.uint8]) -> NDArray[np.floating]:
    return np.abs(texture.image.astype(float) - painted).mean(-1)


@pytest.fixture(scope="module")
def film() -> Film:
    body = toy_body()
    return shoot(body, turning_state(body, FRAMES, bend=0.02), paint())


@pytest.fixture(scope="module")
def baked(film: Film) -> Texture:
    return bake(film.body, film.state, film.capture, iter(film.frames), size=SIZE)


def test_what_was_seen_comes_back(film: Film, baked: Texture) -> None:
    seen = baked.origin == 1
    error = difference(baked, film.painted)[seen]
    assert baked.image.shape == (SIZE, SIZE, 3) and baked.image.dtype == np.uint8
    assert baked.seen_fraction > 0.7
    assert np.median(error) < 4 and np.quantile(error, 0.95) < 15
    assert (baked.coverage[seen] > 0).all() and (baked.coverage[~seen] == 0).all()


def test_no_background_bleeds_in(baked: Texture) -> None:
    assert baked.image[..., 1].max() < 70


def test_detail_comes_from_few_frames(film: Film, baked: Texture) -> None:
    assert 1 < len(baked.key_frames) <= FRAMES
    assert set(baked.key_frames) <= set(film.capture.frame_indices.tolist())


def test_islands_are_surrounded_by_their_own_colours(film: Film, baked: Texture) -> None:
    inside = (baked.origin == 1).astype(np.uint8)
    around = (cv2.dilate(inside, np.ones((5, 5))) > 0) & (baked.origin == 0)
    assert around.sum() > 100 and np.median(difference(baked, film.painted)[around]) < 15


def test_seams_are_as_well_seen_as_what_is_beside_them(film: Film) -> None:
    small = replace(TEXTURE, mean_texture=replace(MEAN_TEXTURE, size=80))  # no texel's centre lies at the seam
    texture = bake(film.body, film.state, film.capture, film.frames, size=640, config=small)
    rows, seam, inner = slice(140, 300), slice(14, 16), slice(24, 26)  # the island begins at u = 0.02
    seen = texture.coverage > 0.1 * np.median(texture.coverage[texture.coverage > 0])
    assert (texture.origin[rows, seam] > 0).mean() > 0.7 and (texture.origin[rows, :12] == 0).all()
    assert seen[rows, inner].mean() > 0.4
    assert seen[rows, seam].mean() == pytest.approx(seen[rows, inner].mean(), abs=0.05)


def test_parts_that_nobody_saw_are_dark_or_continued(film: Film, baked: Texture) -> None:
    hidden = baked.image[int(0.15 * SIZE), int(0.575 * SIZE)]  # the ball inside the egg
    assert baked.origin[int(0.15 * SIZE), int(0.575 * SIZE)] == 3
    assert hidden.mean() < 0.75 * baked.image[baked.origin == 1].mean()


def test_an_unseen_side_takes_the_colours_of_the_other(film: Film) -> None:
    x = np.arange(SIZE)
    symmetric = film.painted.copy()
    middle = 0.5 * SIZE  # the skin's island spans u from 0.02 to 0.98
    symmetric[..., 0] = (100 + 90 * np.cos((x + 0.5 - middle) / 15)).astype(np.uint8)
    turned = film.state.global_orient[:1] * 0
    turned[0] = torch.tensor([np.cos(np.pi / 4), 0.0, np.sin(np.pi / 4)]) * np.pi  # a quarter turn: one side only
    still = film.state.body_pose[:1] * 0
    side = replace(film.state, global_orient=turned, body_pose=still, transl=film.state.transl[:1])
    shot = shoot(film.body, side, symmetric)
    texture = bake(shot.body, shot.state, shot.capture, shot.frames, size=SIZE)
    mirrored = texture.origin == 2
    assert mirrored.sum() > 0.5 * (texture.origin == 1).sum()
    assert np.median(difference(texture, symmetric)[mirrored]) < 8


def test_exposure_is_evened_out(film: Film) -> None:
    flicker = shoot(film.body, film.state, film.painted, gain=0.08)
    texture = bake(flicker.body, flicker.state, flicker.capture, flicker.frames, size=SIZE)
    assert (texture.gains[1::2] / texture.gains[::2]).mean() == pytest.approx(1.08 / 0.92, abs=0.04)
    assert np.median(difference(texture, film.painted)[texture.origin == 1]) < 8


def test_light_is_found_and_taken_out(film: Film) -> None:
    state = turning_state(film.body, 24, bend=0.02)
    lit = shoot(film.body, state, film.painted, light=0.3)
    textures = [bake(lit.body, lit.state, lit.capture, lit.frames, size=128, delight=d) for d in (False, True)]
    normal = np.array(
        [[0.8, 0, -0.6], [-0.8, 0, -0.6]], np.float32
    )  # to the right and left of a camera that looks along z
    right, left = textures[0].light.shading(normal).mean(1)
    assert right / left == pytest.approx((1 + 0.3 * 0.8) / (1 - 0.3 * 0.8), rel=0.12)
    assert np.ptp(textures[1].shading, axis=0).max() < 1e-5
    vertices, faces = pose_body(lit.body, lit.state).vertices[5], lit.body.faces
    factor = relighting(textures[1], lit.body, vertices.numpy()).mean(1)
    true = 1 + 0.3 * vertex_normals(vertices, faces)[:, 0].numpy()
    assert np.corrcoef(factor, true)[0, 1] > 0.95


def test_progress_counts_to_the_end(film: Film) -> None:
    calls: list[tuple[int, int]] = []
    bake(film.body, *first_frames(film, 3), film.frames, size=64, progress=lambda *call: calls.append(call))
    assert calls == [(done, 8) for done in range(1, 9)]


def test_folds_are_read_if_they_are_asked_for(film: Film, baked: Texture) -> None:
    relief = bake(film.body, film.state, film.capture, film.frames, size=64, relief=True).relief
    assert baked.relief is None and relief is not None
    assert relief.size == 64 and relief.known.mean() > 0.5 and np.isfinite(relief.pull).all()


def test_frames_without_a_person_still_give_a_texture(film: Film) -> None:
    state, capture = first_frames(film, 2)
    empty = replace(capture, masks=capture.masks & False)
    texture = bake(film.body, state, empty, film.frames, size=64, relief=True)
    assert texture.seen_fraction == 0 and texture.image.std() < 1
    assert texture.relief is not None and not texture.relief.known.any()


def test_wrong_frame_size_is_refused(film: Film) -> None:
    with pytest.raises(BadInputError, match="frame 10 has 128×160 pixels, but the camera is of 256×320: give frames"):
        bake(film.body, *first_frames(film, 1), [(10, film.frames[0][1][::2, ::2])], size=64)


def test_a_body_without_texture_coordinates_is_refused(film: Film) -> None:
    bare = replace(film.body, uvs=film.body.uvs[:0], uv_faces=film.body.uv_faces[:0])
    with pytest.raises(BadInputError, match="the body toy has no texture coordinates"):
        bake(bare, *first_frames(film, 1), film.frames, size=64)
