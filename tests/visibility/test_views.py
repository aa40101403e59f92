"""Points of the surface are visible where they face the camera, away from outlines, and nowhere else."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from painted_film import CAMERA
from toy_body import toy_body, turning_state

from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.operators import adjacency
from fit_avatar.body.skinning import pose_body
from fit_avatar.visibility import (
    VISIBILITY,
    View,
    compute_view,
    rasterize,
    sample_quality,
    silhouette,
    viewing_cosine,
)
from fit_avatar.visibility.views import _interpolated

BODY = toy_body()
FACES = BODY.faces.numpy()
NEIGHBOURS = adjacency(FACES, len(BODY.template))
VERTICES = pose_body(BODY, turning_state(BODY, 1, bend=0.0)).vertices[0]
NORMALS = vertex_normals(VERTICES.numpy(), FACES)
MASK = silhouette(VERTICES, BODY.faces, CAMERA).numpy()


def view(mask: NDArray[np.bool_] = MASK, **changed: float) -> View:
    surface = VERTICES, BODY.faces, NEIGHBOURS, BODY.template.numpy()
    return compute_view(*surface, CAMERA, mask, replace(VISIBILITY, **changed))


def test_visible_points_face_the_camera_and_lie_inside_the_outline() -> None:
    viewed = view().at(VERTICES.numpy(), NORMALS, CAMERA)
    np.testing.assert_allclose(viewed.pixels, CAMERA.project(VERTICES).numpy(), atol=1e-3)
    np.testing.assert_array_equal(viewed.depth, VERTICES[:, 2].numpy())
    visible = viewed.confidence > 0
    skin = BODY.skin.numpy()
    assert (viewed.cosine[visible] > 0).all() and not visible[~skin & (viewed.cosine < 0)].any()
    squarely = skin & (viewed.cosine > 0.8)
    assert visible[squarely].mean() > 0.95 and viewed.confidence.max() == 1


def test_what_the_mask_leaves_out_has_no_confidence() -> None:
    top = MASK.copy()
    top[CAMERA.height // 2 :] = False
    viewed = view(top).at(VERTICES.numpy(), NORMALS, CAMERA)
    assert (viewed.confidence[viewed.pixels[:, 1] > CAMERA.height / 2] == 0).all() and viewed.confidence.any()
    assert not view(MASK & False).at(VERTICES.numpy(), NORMALS, CAMERA).confidence.any()


def test_a_wider_border_is_more_cautious() -> None:
    narrow, wide = (view(border=border).at(VERTICES.numpy(), NORMALS, CAMERA) for border in (0.004, 0.05))
    assert (wide.confidence <= narrow.confidence).all() and wide.confidence.sum() < 0.9 * narrow.confidence.sum()


def test_pixels_show_the_points_that_the_raster_interpolates() -> None:
    raster = rasterize(VERTICES, BODY.faces, CAMERA)
    pixel = raster.mask.flatten().nonzero()[:, 0].numpy()
    face, weights = raster.face_index.flatten().numpy()[pixel], raster.barycentric.reshape(-1, 3).numpy()[pixel]
    found = _interpolated(BODY.template.numpy()[FACES], face, weights, pixel, (CAMERA.height, CAMERA.width))
    expected = raster.interpolate(BODY.template, BODY.faces).numpy()
    np.testing.assert_allclose(found.transpose(1, 2, 0), expected, atol=1e-6)
    np.testing.assert_allclose(expected[raster.mask.numpy()], np.einsum(
        "nk,nkc->nc", weights, BODY.template.numpy()[FACES[face]]), atol=1e-6)  # fmt: skip


def test_quality_grows_with_the_angle_and_the_resolution() -> None:
    seen = view()
    viewed = seen.at(VERTICES.numpy(), NORMALS, CAMERA)
    quality = sample_quality(seen, viewed, reference_depth_m=3.0)
    certain = (viewed.confidence == 1) & seen.seen
    expected = viewed.cosine[certain] ** 4 * 3.0 / viewed.depth[certain]
    np.testing.assert_allclose(quality[certain], expected, rtol=1e-5)


def test_the_cosine_is_one_where_the_surface_faces_the_camera() -> None:
    points = np.array([[[0.0, 0.0, 2.0], [1.0, 0.0, 1.0]]], np.float32)
    normals = np.array([[[0.0, 0.0, -1.0], [0.0, 0.0, -1.0]]], np.float32)
    np.testing.assert_allclose(viewing_cosine(points, normals), [[1, np.sqrt(0.5)]], rtol=1e-6)
