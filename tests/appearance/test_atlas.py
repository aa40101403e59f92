"""The atlas knows which triangle every texel lies on, and where."""

import numpy as np
from toy_body import toy_body

from fit_avatar.appearance.atlas import Atlas, islands, mirror_texels
from fit_avatar.body.operators import adjacency

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
