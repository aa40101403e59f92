"""The steps of baking, one by one."""

import numpy as np
import torch
from toy_body import toy_body

from fit_avatar.texture.atlas import Atlas, islands, mirror_texels
from fit_avatar.texture.choose import SLOTS, choose_frames
from fit_avatar.texture.fill import harmonic, push_pull
from fit_avatar.texture.graph import adjacency, grow, laplacian
from fit_avatar.texture.merge import Samples, frame_gains, merge, weighted_median

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


def test_few_frames_are_chosen_and_detail_shares_sum_to_one() -> None:
    generator = np.random.default_rng(0)
    frames, vertices = 30, len(BODY.template)
    quality = generator.random((frames, vertices)).astype(np.float32) * 0.1
    top = BODY.template[:, 1].numpy() > 0
    quality[4, top], quality[9, ~top] = 1, 1
    nobody = np.zeros(vertices, np.float32)
    choice = choose_frames(quality, ATLAS.faces, NEIGHBOURS, np.ones(vertices, np.float32), nobody, None)
    assert set(choice.key_frames) == {4, 9}
    np.testing.assert_allclose(choice.detail.sum(1), 1, atol=1e-5)
    assert choice.frames.shape == (len(ATLAS.faces), SLOTS)
    assert (np.isin([4, 9], choice.frames[0])).any()


def test_a_frame_enters_the_best_with_no_weight() -> None:
    quality = np.linspace(1, 0, 30, dtype=np.float32)[:, None].repeat(len(BODY.template), 1)
    one = np.ones(quality.shape[1], np.float32)
    choice = choose_frames(quality, ATLAS.faces, NEIGHBOURS, one, 0 * one, None)
    assert (np.diff(choice.colour[0][:11]) < 0).all() and (choice.colour[0][10:] == 0).all()


def test_the_face_takes_its_detail_from_one_frame() -> None:
    quality = np.random.default_rng(0).uniform(0.2, 1, (6, len(BODY.template))).astype(np.float32)
    face = (BODY.template[:, 1] > 0.3).numpy().astype(np.float32)
    quality[0] *= 0.5
    choice = choose_frames(quality, ATLAS.faces, NEIGHBOURS, np.ones(len(face), np.float32), face, 0)
    assert choice.key_frames[0] == 0
    inner = ~grow(face == 0, NEIGHBOURS, 4)
    np.testing.assert_allclose(choice.detail[inner, 0], 1, atol=1e-5)


def samples_of(colours: np.ndarray, weight: np.ndarray) -> Samples:
    colours = colours.astype(np.uint8)
    return Samples(colours[:, :4], colours, weight.astype(np.float16), np.zeros((len(weight), 4), np.float16))


def test_merging_leaves_an_outlier_out() -> None:
    colours = np.full((5, 6, 3), 100)
    colours[:, 2] = 230
    merged, support = merge(samples_of(colours, np.ones((5, 6))), np.zeros((5, 6), int), np.ones((1, 3), np.float32))
    np.testing.assert_allclose(merged, 100, atol=4)
    np.testing.assert_allclose(support, 6)
    _, nothing = merge(samples_of(colours, np.zeros((5, 6))), np.zeros((5, 6), int), np.ones((1, 3), np.float32))
    assert (nothing == 0).all()


def test_gains_undo_exposure() -> None:
    generator = np.random.default_rng(0)
    true = np.array([1.0, 1.1, 0.9, 1.05, 0.95])
    frame = np.stack([generator.permutation(5)[:4] for _ in range(2000)])
    colours = generator.uniform(40, 180, (2000, 1, 3)) * true[frame][..., None]
    gains = frame_gains(samples_of(colours, np.ones((2000, 4))), frame, 5, rounds=10)
    product = gains * true[:, None]
    np.testing.assert_allclose(product / product.mean(0), 1, atol=0.02)


def test_weighted_median() -> None:
    values = np.array([[[1.0], [5.0], [9.0]]], np.float32)
    assert weighted_median(values, np.float32([[1, 1, 1]]))[0, 0] == 5
    assert weighted_median(values, np.float32([[1, 1, 5]]))[0, 0] == 9
    assert weighted_median(values, np.float32([[5, 1, 1]]))[0, 0] == 1


def test_harmonic_continuation_stays_between_its_neighbours() -> None:
    known = (BODY.template[:, 1].abs() > 0.4).numpy() & BODY.skin.numpy()
    values = np.where(BODY.template[:, 1:2].numpy() > 0, 10.0, 2.0).astype(np.float32)
    component = BODY.skin.numpy().astype(np.int32)
    filled = harmonic(laplacian(NEIGHBOURS), component, values, known, np.float32([77]))
    np.testing.assert_array_equal(filled[known], values[known])
    skin = BODY.skin.numpy()
    assert filled[skin].min() >= 2 - 1e-4 and filled[skin].max() <= 10 + 1e-4 and (filled[~skin] == 77).all()
    equator = skin & (BODY.template[:, 1].abs() < 0.06).numpy()
    np.testing.assert_allclose(filled[equator], 6, atol=1.0)


def test_push_pull_keeps_what_is_known_and_fills_the_rest() -> None:
    known = np.zeros((33, 40), bool)
    known[4:9, 5:20] = True
    image = np.where(known[..., None], np.float32([10, 20, 30]), 0).astype(np.float32)
    filled = push_pull(image, known)
    np.testing.assert_allclose(filled, np.broadcast_to(np.float32([10, 20, 30]), filled.shape), atol=1e-3)


def test_growing_walks_along_edges() -> None:
    start = np.zeros(len(BODY.template), bool)
    start[100] = True
    one = grow(start, NEIGHBOURS, 1)
    assert one.sum() == NEIGHBOURS[100].nnz + 1 and torch.tensor(grow(start, NEIGHBOURS, 2)).sum() > one.sum()
