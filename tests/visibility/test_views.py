"""Points of the surface are visible where they face the camera, away from outlines, and nowhere else."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from painted_film import CAMERA
from toy_body import toy_body, turning_state

from fit_avatar.body.averaging import Averaging
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.operators import adjacency
from fit_avatar.body.skinning import pose_body
from fit_avatar.visibility import (
    VISIBILITY,
    View,
    compute_view,
    rasterize,
    rasterize_window,
    sample_quality,
    silhouette,
    viewing_cosine,
)
from fit_avatar.visibility.distance import distance_inside

BODY = toy_body()
AVERAGING = Averaging.of(adjacency(BODY.faces.numpy(), len(BODY.template)), torch.device("cpu"))
VERTICES = pose_body(BODY, turning_state(BODY, 1, bend=0.0)).vertices[0]
NORMALS = vertex_normals(VERTICES, BODY.faces)
MASK = silhouette(VERTICES, BODY.faces, CAMERA).numpy()


def view(mask: NDArray[np.bool_] = MASK, **changed: float) -> View:
    surface = VERTICES, BODY.faces, AVERAGING, BODY.template
    return compute_view(*surface, CAMERA, mask, replace(VISIBILITY, **changed))


def test_visible_points_face_the_camera_and_lie_inside_the_outline() -> None:
    viewed = view().at(VERTICES, NORMALS, CAMERA)
    np.testing.assert_allclose(viewed.pixels, CAMERA.project(VERTICES).numpy(), atol=1e-3)
    np.testing.assert_array_equal(viewed.depth, VERTICES[:, 2])
    visible = viewed.confidence > 0
    skin = BODY.skin
    assert (viewed.cosine[visible] > 0).all() and not visible[~skin & (viewed.cosine < 0)].any()
    squarely = skin & (viewed.cosine > 0.8)
    assert visible[squarely].float().mean() > 0.95 and viewed.confidence.max() == 1


def test_what_the_mask_leaves_out_has_no_confidence() -> None:
    top = MASK.copy()
    top[CAMERA.height // 2 :] = False
    viewed = view(top).at(VERTICES, NORMALS, CAMERA)
    assert (viewed.confidence[viewed.pixels[:, 1] > CAMERA.height / 2] == 0).all() and viewed.confidence.any()
    assert not view(MASK & False).at(VERTICES, NORMALS, CAMERA).confidence.any()


def test_a_wider_border_is_more_cautious() -> None:
    narrow, wide = (view(border=border).at(VERTICES, NORMALS, CAMERA) for border in (0.004, 0.05))
    assert (wide.confidence <= narrow.confidence).all() and wide.confidence.sum() < 0.9 * narrow.confidence.sum()


def test_a_raster_carries_values_to_pixels_by_the_triangles_that_they_show() -> None:
    raster = rasterize(VERTICES, BODY.faces, CAMERA)
    found, seen = raster.interpolate(BODY.template, BODY.faces), raster.mask
    corners = BODY.template[BODY.faces[raster.face_index[seen]]]
    expected = torch.einsum("nk,nkc->nc", raster.barycentric[seen], corners)
    torch.testing.assert_close(found[seen], expected, rtol=0, atol=1e-6)
    assert not found[~seen].any()
    torch.testing.assert_close(raster.planes(BODY.template, BODY.faces), found.permute(2, 0, 1), rtol=0, atol=0)


def test_a_window_holds_what_the_whole_picture_shows() -> None:
    whole, (window, left, top) = (draw(VERTICES, BODY.faces, CAMERA) for draw in (rasterize, rasterize_window))
    height, width = window.mask.shape
    part = whole.face_index[top : top + height, left : left + width]
    assert torch.equal(part, window.face_index) and int((part >= 0).sum()) == int(whole.mask.sum())
    assert height * width < 0.8 * whole.mask.numel()


def test_nothing_is_seen_of_a_body_beside_the_picture() -> None:
    surface = VERTICES + torch.tensor([50.0, 0.0, 0.0]), BODY.faces, AVERAGING, BODY.template
    seen = compute_view(*surface, CAMERA, MASK)
    assert not seen.seen.any() and not seen.at(VERTICES, NORMALS, CAMERA).confidence.any()


@pytest.mark.parametrize("reach", [1, 6, 40, 200])
def test_distances_are_those_to_the_nearest_pixel_outside(reach: int) -> None:
    region = np.random.default_rng(0).random((61, 83)) > 0.002
    inside = np.pad(region, 1).astype(np.uint8)
    expected = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    found = distance_inside(torch.from_numpy(region), reach).numpy()
    np.testing.assert_allclose(found, np.minimum(expected, reach), atol=1e-4)


def test_quality_grows_with_the_angle_and_the_resolution() -> None:
    seen = view()
    viewed = seen.at(VERTICES, NORMALS, CAMERA)
    quality = sample_quality(seen, viewed, reference_depth_m=3.0)
    certain = (viewed.confidence == 1) & seen.seen
    expected = viewed.cosine[certain] ** 4 * 3.0 / viewed.depth[certain]
    np.testing.assert_allclose(quality[certain], expected, rtol=1e-5)


def test_the_cosine_is_one_where_the_surface_faces_the_camera() -> None:
    points = np.array([[[0.0, 0.0, 2.0], [1.0, 0.0, 1.0]]], np.float32)
    normals = np.array([[[0.0, 0.0, -1.0], [0.0, 0.0, -1.0]]], np.float32)
    np.testing.assert_allclose(viewing_cosine(points, normals), [[1, np.sqrt(0.5)]], rtol=1e-6)
