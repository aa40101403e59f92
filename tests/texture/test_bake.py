"""A painted toy body turns in front of a camera; the texture is baked back from the pictures."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from toy_body import toy_body, turning_state

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.silhouettes.matching import vertex_normals
from fit_avatar.silhouettes.raster import rasterize
from fit_avatar.texture import Texture, bake, relighting

SIZE, FRAMES = 256, 12
CAMERA = Camera(fx=420.0, fy=420.0, cx=128.0, cy=160.0, width=256, height=320)
BACKGROUND = (0, 255, 0)


@dataclass(frozen=True)
class Film:
    body: Body
    state: BodyState
    capture: Capture
    painted: NDArray[np.uint8]
    frames: list[tuple[int, NDArray[np.uint8]]]


def paint() -> NDArray[np.uint8]:
    """A picture without green, so that background shows, and with detail of a few texels."""
    y, x = np.mgrid[:SIZE, :SIZE]
    red = 128 + 80 * np.sin(x / 21) + 25 * (((x // 8) + (y // 8)) % 2)
    blue = 128 + 80 * np.cos(y / 17)
    return np.stack([red, np.full_like(red, 40), blue], -1).clip(0, 255).astype(np.uint8)


def shoot(body: Body, state: BodyState, painted: NDArray[np.uint8], gain: float = 0.0, light: float = 0.0) -> Film:
    masks, frames = [], []
    for t, vertices in enumerate(pose_body(body, state).vertices):
        raster = rasterize(vertices, body.faces, CAMERA)
        uv = raster.interpolate(body.uvs, body.uv_faces).numpy()
        places = np.stack([uv[..., 0], 1 - uv[..., 1]], -1).astype(np.float32) * SIZE - 0.5
        rgb = cv2.remap(painted, places, None, cv2.INTER_LINEAR).astype(np.float32) * (1 + gain * (-1) ** t)
        normal = raster.interpolate(vertex_normals(vertices, body.faces), body.faces).numpy()
        rgb *= 1 + light * normal[..., :1]
        rgb[~raster.mask.numpy()] = BACKGROUND
        masks.append(raster.mask.numpy())
        frames.append((10 + 2 * t, np.ascontiguousarray(rgb.clip(0, 255).astype(np.uint8)[..., ::-1])))
    capture = Capture(
        frame_indices=np.array([index for index, _ in frames]),
        keypoints=np.zeros((len(frames), 25, 3), np.float32),
        masks=np.stack(masks),
        camera=CAMERA,
        frame_weights=np.ones(len(frames), np.float32),
    )
    return Film(body, state, capture, painted, frames)


def first_frames(film: Film, count: int) -> tuple[BodyState, Capture]:
    state, capture = film.state, film.capture
    poses = {name: getattr(state, name)[:count] for name in ("global_orient", "body_pose", "transl")}
    arrays = {name: getattr(capture, name)[:count] for name in ("frame_indices", "keypoints", "masks", "frame_weights")}
    return replace(state, **poses), replace(capture, **arrays)


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


def test_frames_without_a_person_still_give_a_texture(film: Film) -> None:
    state, capture = first_frames(film, 2)
    texture = bake(film.body, state, replace(capture, masks=capture.masks & False), film.frames, size=64)
    assert texture.seen_fraction == 0 and texture.image.std() < 1


def test_wrong_frame_size_is_refused(film: Film) -> None:
    with pytest.raises(ValueError, match=r"frame 10 is \(128, 160\) pixels where the camera has \(256, 320\)"):
        bake(film.body, *first_frames(film, 1), [(10, film.frames[0][1][::2, ::2])], size=64)
