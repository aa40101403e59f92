"""The steps of baking, one by one."""

from itertools import product

import cv2
import numpy as np
import pytest
from toy_body import toy_body

from fit_avatar.appearance.atlas import Atlas, islands, mirror_texels
from fit_avatar.appearance.light import Light, estimate_light
from fit_avatar.appearance.push_pull import push_pull
from fit_avatar.appearance.robust_mean import robust_mean
from fit_avatar.body.operators import adjacency, dilated
from fit_avatar.correspondence.optical_flow import residual_flow, warp
from fit_avatar.texture.alpha_expansion import alpha_expansion
from fit_avatar.texture.inpaint import (
    fill_holes,
    harmonic_interpolation,
    nearest_inside,
    pad_islands,
    reflected_detail,
)
from fit_avatar.texture.view_selection import select_key_frames, select_views

BODY = toy_body()
ATLAS = Atlas.of(BODY, 128)
NEIGHBOURS = adjacency(ATLAS.faces, len(BODY.template))


def test_atlas_lists_the_texels_of_each_triangle() -> None:
    faces = np.array([5, 700, 3])
    texels, owner = ATLAS.texels_of(faces)
    np.testing.assert_array_equal(ATLAS.face[texels], faces[owner])
    assert len(texels) == ATLAS.count[faces].sum() and ATLAS.count.sum() == len(ATLAS.texel)


def test_atlas_interpolates_texture_coordinates_to_texel_centres() -> None:
    uv_of_corner = BODY.uvs[BODY.uv_faces].numpy()[ATLAS.face]
    uv = (ATLAS.barycentric[:, :, None] * uv_of_corner).sum(1)
    column, row = ATLAS.texel % 128, ATLAS.texel // 128
    np.testing.assert_allclose(uv[:, 0] * 128, column + 0.5, atol=1e-3)
    np.testing.assert_allclose((1 - uv[:, 1]) * 128, row + 0.5, atol=1e-3)


def test_mirror_texels_lie_at_the_mirrored_place() -> None:
    place = ATLAS.interpolate(BODY.template.numpy())
    by_texel = np.full((128 * 128, 3), np.nan, np.float32)
    by_texel[ATLAS.texel] = place
    distance = np.linalg.norm(by_texel[mirror_texels(BODY, ATLAS)] - place * [-1, 1, 1], axis=1)
    assert np.nanquantile(distance, 0.99) < 0.03 and np.isnan(distance).mean() < 0.05


def test_islands_are_the_balls() -> None:
    labels = islands(BODY)
    assert len(np.unique(labels)) == 4
    assert len(np.unique(labels[BODY.skin.numpy()[ATLAS.faces[:, 0]]])) == 1


ONE = np.ones(len(BODY.template), np.float32)


def test_few_key_frames_are_chosen() -> None:
    generator = np.random.default_rng(0)
    quality = generator.random((30, len(ONE))).astype(np.float32) * 0.01
    top = BODY.template[:, 1].numpy() > 0
    quality[4, top], quality[9, ~top] = 1, 1
    assert set(select_key_frames(quality, ONE, None)) == {4, 9}
    assert select_key_frames(quality, ONE, 7)[0] == 7 and select_key_frames(0 * quality, ONE, 7) == []


def weights(quality: np.ndarray, face: np.ndarray, portrait: int | None, **changed: np.ndarray) -> np.ndarray:
    arguments = {
        "residual": np.zeros_like(quality),
        "sharpness": np.ones_like(quality),
        "appearance": np.zeros((*quality.shape, 3), np.float32),
        **changed,
    }
    return select_views(quality, neighbours=NEIGHBOURS, face=face, portrait=portrait, **arguments)


def test_each_part_is_painted_from_the_frame_that_sees_it_best() -> None:
    top = BODY.template[:, 1].numpy() > 0
    quality = np.where(np.stack([top, ~top]), 1, 0.3).astype(np.float32)
    weight = weights(quality, 0 * ONE, None)
    np.testing.assert_allclose(weight.sum(1), 1, atol=1e-5)
    deep = ~dilated(~top, NEIGHBOURS, 8)
    np.testing.assert_allclose(weight[deep, 0], 1, atol=1e-5)
    quality[:, top] = 0
    assert (weights(quality, 0 * ONE, None)[top] == 0).all()


def test_blurred_and_disagreeing_frames_are_avoided() -> None:
    even = np.ones((2, len(ONE)), np.float32)
    blurred = np.stack([ONE, 0.2 * ONE])
    assert (weights(even, 0 * ONE, None, sharpness=blurred)[:, 0] == 1).all()
    assert (weights(even, 0 * ONE, None, residual=np.stack([40 * ONE, ONE]))[:, 1] == 1).all()


def test_the_face_takes_its_detail_from_one_frame() -> None:
    quality = np.random.default_rng(0).uniform(0.2, 1, (6, len(ONE))).astype(np.float32)
    face = (BODY.template[:, 1] > 0.3).numpy().astype(np.float32)
    quality[0] *= 0.5
    inner = ~dilated(face == 0, NEIGHBOURS, 4)
    np.testing.assert_allclose(weights(quality, face, 0)[inner, 0], 1, atol=1e-5)


def test_labelling_of_two_labels_is_the_best_of_all() -> None:
    ring = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0]])

    def energy(labels: tuple[int, ...], cost: np.ndarray, appearance: np.ndarray, change: float) -> float:
        total = sum(float(cost[v, k]) for v, k in enumerate(labels))
        for u, v in ring:
            if labels[u] != labels[v]:
                total += change + sum(float(np.linalg.norm(np.diff(appearance[w][[labels[u], labels[v]]], axis=0)))
                                      for w in (u, v))  # fmt: skip
        return total

    for seed in range(10):
        generator = np.random.default_rng(seed)
        cost, appearance = generator.random((6, 2), np.float32), 0.3 * generator.random((6, 2, 3), np.float32)
        found = energy(tuple(alpha_expansion(cost, ring, appearance, 0.05)), cost, appearance, 0.05)
        best = min(energy(each, cost, appearance, 0.05) for each in product(range(2), repeat=6))
        assert found == pytest.approx(best, abs=2e-3)


def test_seams_run_where_the_frames_look_the_same() -> None:
    line = np.stack([np.arange(19), np.arange(1, 20)], 1)
    cost = np.zeros((20, 2), np.float32)
    cost[0, 1] = cost[-1, 0] = 100
    appearance = np.zeros((20, 2, 3), np.float32)
    appearance[:, 1] = 5
    appearance[12:14, 1] = 0
    labels = alpha_expansion(cost, line, appearance, 0.1)
    assert (labels[:13] == 0).all() and (labels[13:] == 1).all()


def lit_sphere(gains: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, Light]:
    """Colours and normals [T, V, 3] and weights [T, V] of points that turn under a fixed light."""
    generator = np.random.default_rng(0)
    normal = generator.normal(size=(400, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    angle = np.linspace(0, 2 * np.pi, len(gains), endpoint=False)
    turn = np.zeros((len(gains), 3, 3))
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(angle)
    turn[:, 0, 2], turn[:, 2, 0], turn[:, 1, 1] = np.sin(angle), -np.sin(angle), 1
    normals = np.einsum("tij,vj->tvi", turn, normal).astype(np.float32)
    coefficients = Light.uniform().coefficients
    coefficients[1:5] = np.array([[0.2], [-0.1], [-0.25], [0.05]])
    light = Light(coefficients)
    colours = generator.uniform(40, 160, (1, 400, 3)) * light.shading(normals) * gains[:, None]
    return colours.astype(np.float32), normals, (normals[..., 2] < -0.1).astype(np.float32), light


def test_light_is_told_from_albedo() -> None:
    colours, normals, weight, light = lit_sphere(np.ones((24, 1)))
    found, gains = estimate_light(colours, normals, weight)
    ratio = np.where(weight[..., None] > 0, found.shading(normals) / light.shading(normals), np.nan)
    # what falls from above is the same at every yaw, so it stays in the albedo: one factor for each point
    seen = ~np.isnan(ratio).all((0, 2))
    ratio = ratio[:, seen]
    np.testing.assert_array_less(np.abs(ratio / np.nanmean(ratio, axis=0) - 1)[~np.isnan(ratio)], 0.05)
    even = np.where(weight[..., None] > 0, light.shading(normals), np.nan)[:, seen]
    assert np.nanstd(even / np.nanmean(even, axis=0)) > 4 * np.nanstd(ratio / np.nanmean(ratio, axis=0))
    np.testing.assert_allclose(gains, 1, atol=0.02)


def test_gains_undo_exposure() -> None:
    true = 1 + 0.12 * np.random.default_rng(1).uniform(-1, 1, (24, 3))
    colours, normals, weight, _ = lit_sphere(true)
    product = estimate_light(colours, normals, weight)[1] * true
    np.testing.assert_allclose(product / product.mean(0), 1, atol=0.03)


def test_one_picture_tells_nothing_about_the_light() -> None:
    colours, normals, weight, _ = lit_sphere(np.ones((1, 1)))
    light, gains = estimate_light(colours, normals, weight)
    np.testing.assert_allclose(light.coefficients, Light.uniform().coefficients, atol=1e-3)
    np.testing.assert_allclose(gains, 1)
    assert (estimate_light(colours, normals, 0 * weight)[1] == 1).all()


def blobs(shift: tuple[float, float]) -> np.ndarray:
    noise = np.random.default_rng(0).uniform(0, 255, (200, 120)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    smooth = (smooth - smooth.min()) / np.ptp(smooth) * 255
    moved = cv2.warpAffine(smooth, np.float32([[1, 0, shift[0]], [0, 1, shift[1]]]), (120, 200))
    return np.repeat(moved[..., None], 3, 2).astype(np.uint8)


def test_a_shift_is_found_and_undone() -> None:
    inside = np.zeros((200, 120), bool)
    inside[10:190, 10:110] = True
    ours, theirs = blobs((0, 0)), blobs((2, -1))
    flow = residual_flow(ours, inside, theirs, inside)
    np.testing.assert_allclose(np.median(flow[40:160, 30:90], axis=(0, 1)), [2, -1], atol=0.3)
    middle = (slice(40, 160), slice(30, 90))
    before, after = (np.abs(ours[middle].astype(int) - image[middle]).mean() for image in (theirs, warp(theirs, flow)))
    assert after < 0.3 * before


def test_an_unbelievable_shift_is_left_alone() -> None:
    inside = np.ones((200, 120), bool)
    flow = residual_flow(blobs((0, 0)), inside, blobs((30, 0)), inside)
    assert np.abs(flow).max() < 8
    assert (residual_flow(blobs((0, 0)), inside, blobs((0, 0)), inside) == 0).all()


def test_merging_leaves_an_outlier_out() -> None:
    colours = np.full((6, 5, 3), 100, np.float32)
    colours[2] = 230
    np.testing.assert_allclose(robust_mean(colours, np.ones((6, 5), np.float32)), 100, atol=4)
    assert (robust_mean(colours, np.zeros((6, 5), np.float32)) == 0).all()


def test_harmonic_continuation_stays_between_its_neighbours() -> None:
    known = (BODY.template[:, 1].abs() > 0.4).numpy() & BODY.skin.numpy()
    values = np.where(BODY.template[:, 1:2].numpy() > 0, 10.0, 2.0).astype(np.float32)
    filled = harmonic_interpolation(NEIGHBOURS, values, known)
    np.testing.assert_array_equal(filled[known], values[known])
    skin = BODY.skin.numpy()
    assert filled[skin].min() >= 2 - 1e-4 and filled[skin].max() <= 10 + 1e-4 and (filled[~skin] == 0).all()
    equator = skin & (BODY.template[:, 1].abs() < 0.06).numpy()
    np.testing.assert_allclose(filled[equator], 6, atol=1.0)


def test_push_pull_keeps_what_is_known_and_fills_the_rest() -> None:
    known = np.zeros((33, 40), bool)
    known[4:9, 5:20] = True
    image = np.where(known[..., None], np.float32([10, 20, 30]), 0).astype(np.float32)
    filled = push_pull(image, known)
    np.testing.assert_allclose(filled, np.broadcast_to(np.float32([10, 20, 30]), filled.shape), atol=1e-3)


def test_a_hole_is_continued_from_its_own_rim() -> None:
    skin, height = BODY.skin.numpy(), BODY.template[:, 1].numpy()
    known = skin & (np.abs(height) > 0.25) & (height < 0.75)  # a belt and a cap are missing, and what lies loose
    values = np.where(height > 0.5, 200.0, np.where(height > 0, 90.0, 10.0))[:, None].astype(np.float32)
    filled = fill_holes(BODY.template.numpy(), NEIGHBOURS, values, known)
    np.testing.assert_array_equal(filled[known], values[known])
    np.testing.assert_allclose(filled[skin & (height > 0.75)], 200, atol=1e-3)
    belt = skin & (np.abs(height) < 0.25)
    assert filled[belt].min() >= 10 - 1e-3 and filled[belt].max() <= 90 + 1e-3
    assert filled[belt & (height > 0.15)].min() > 75 and filled[belt & (height < -0.15)].max() < 25
    loose = ~skin
    assert (filled[loose] < 0.6 * 200).all()


def test_stripes_go_straight_on_into_a_hole() -> None:
    stripes = np.broadcast_to(8 * np.sin(np.arange(128) * 2 * np.pi / 3)[None, :, None], (128, 128, 3)) + 100
    island = np.zeros((128, 128), np.int64)
    known = np.ones((128, 128), bool)
    known[60:70, 20:100] = False
    detail = reflected_detail(stripes.astype(np.float32), known, island)
    inner = (slice(60, 70), slice(30, 90))
    assert np.corrcoef(detail[inner].ravel(), (stripes[inner] - 100).ravel())[0, 1] > 0.95
    assert (detail[known] == 0).all() and np.abs(detail).max() <= 10
    halves = np.where(np.arange(128)[:, None] < 65, island, 1)
    known[65:] = False
    assert not reflected_detail(stripes.astype(np.float32), known, halves)[70:].any()  # no other island is copied


def test_the_nearest_pixel_inside() -> None:
    inside = np.zeros((9, 12), bool)
    inside[2, 3] = inside[7, 10] = True
    nearest = nearest_inside(inside)
    assert nearest[0, 0] == nearest[2, 3] == 2 * 12 + 3 and nearest[8, 11] == 7 * 12 + 10
    np.testing.assert_array_equal(nearest_inside(~inside & False), np.arange(108).reshape(9, 12))


def test_beside_an_island_are_its_own_colours() -> None:
    inside = np.zeros((64, 64), bool)
    inside[10:50, 10:30] = inside[10:50, 36:60] = True
    image = np.where(np.arange(64)[None, :, None] < 33, 20.0, 220.0).astype(np.float32).repeat(64, axis=0)
    image = image.reshape(64, 64, 1) * inside[..., None]
    around = pad_islands(image, inside)
    np.testing.assert_array_equal(around[inside], image[inside])
    np.testing.assert_array_equal(around[12:48, 30:33], 20)
    np.testing.assert_array_equal(around[12:48, 33:36], 220)
