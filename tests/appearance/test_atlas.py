"""The atlas knows which triangle every texel lies on, and where."""

import numpy as np
import torch
from toy_body import toy_body

from fit_avatar.appearance.atlas import Atlas, islands, mirror_texels
from fit_avatar.body.operators import adjacency

BODY = toy_body()
ATLAS = Atlas.of(BODY, 128)
NEIGHBOURS = adjacency(ATLAS.arrays.faces, len(BODY.template))


def test_atlas_lists_the_texels_of_each_triangle() -> None:
    faces = torch.tensor([5, 700, 3])
    texels = ATLAS.texels_of(faces)
    assert ATLAS.face[texels].tolist() == faces.repeat_interleave(ATLAS.count[faces]).tolist()
    assert ATLAS.count.sum() == len(ATLAS.texel)


def test_atlas_interpolates_texture_coordinates_to_texel_centres() -> None:
    arrays = ATLAS.arrays
    uv_of_corner = BODY.uvs[BODY.uv_faces].numpy()[arrays.face]
    uv = (arrays.barycentric[:, :, None] * uv_of_corner).sum(1)
    column, row = arrays.texel % 128, arrays.texel // 128
    np.testing.assert_allclose(uv[:, 0] * 128, column + 0.5, atol=1e-3)
    np.testing.assert_allclose((1 - uv[:, 1]) * 128, row + 0.5, atol=1e-3)


def test_atlas_interpolates_values_of_the_corners() -> None:
    corners = BODY.template[ATLAS.faces[ATLAS.face]]
    expected = torch.einsum("nk,nkc->nc", ATLAS.barycentric, corners)
    torch.testing.assert_close(ATLAS.interpolate(BODY.template), expected, rtol=0, atol=1e-6)
    some = torch.tensor([7, 3, 90])
    torch.testing.assert_close(ATLAS.interpolate(BODY.template, some), expected[some], rtol=0, atol=1e-6)
    np.testing.assert_allclose(ATLAS.interpolate(BODY.template.numpy(), some.numpy()), expected[some], atol=1e-6)


def test_mirror_texels_lie_at_the_mirrored_place() -> None:
    place = ATLAS.interpolate(BODY.template.numpy())
    by_texel = np.full((128 * 128, 3), np.nan, np.float32)
    by_texel[ATLAS.arrays.texel] = place
    distance = np.linalg.norm(by_texel[mirror_texels(BODY, ATLAS)] - place * [-1, 1, 1], axis=1)
    assert np.nanquantile(distance, 0.99) < 0.03 and np.isnan(distance).mean() < 0.05


def test_islands_are_the_balls() -> None:
    labels = islands(BODY)
    assert len(np.unique(labels)) == 4
    assert len(np.unique(labels[BODY.skin.numpy()[ATLAS.arrays.faces[:, 0]]])) == 1
