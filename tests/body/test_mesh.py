"""Normals, areas and operators of meshes whose answers are known, as arrays and tensors, one by one and in batches."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from toy_body import toy_body

from fit_avatar.body.mesh import vertex_areas, vertex_normals
from fit_avatar.body.operators import adjacency, connected_components, dilated, graph_laplacian, smoothed

BODY = toy_body()
FACES = BODY.faces.numpy()
NEIGHBOURS = adjacency(FACES, len(BODY.template))
SQUARE = np.array([[0, 0, 0], [2, 0, 0], [2, 3, 0], [0, 3, 0]], np.float32)
TWO_TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]])


def poses() -> NDArray[np.float32]:
    """The body and two deformed ones. [3, V, 3]"""
    noise = np.random.default_rng(0).normal(scale=0.01, size=(3, *BODY.template.shape))
    return (BODY.template.numpy() + noise).astype(np.float32)


def test_areas_sum_to_the_surface() -> None:
    np.testing.assert_allclose(vertex_areas(SQUARE, TWO_TRIANGLES), [2, 1, 2, 1])


def test_normals_are_weighted_by_area() -> None:
    triangles = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 3]], np.float64)
    normals = vertex_normals(triangles, np.array([[0, 1, 2], [0, 2, 3]]))  # areas 1/2 (+z) and 3/2 (+x)
    np.testing.assert_allclose(normals[0], np.array([3, 0, 1]) / np.sqrt(10))
    np.testing.assert_allclose(normals[1], [0, 0, 1])


def test_a_vertex_without_area_has_a_unit_normal() -> None:
    normals = vertex_normals(np.concatenate([SQUARE, SQUARE[:1]]), TWO_TRIANGLES)
    np.testing.assert_array_equal(normals, [[0, 0, 1]] * 4 + [[0, 1, 0]])


@pytest.mark.parametrize("function", [vertex_normals, vertex_areas])
def test_a_batch_is_each_mesh_alone_and_arrays_are_tensors(function) -> None:
    batch = function(poses(), FACES)
    assert isinstance(batch, np.ndarray) and batch.dtype == np.float32
    for one, vertices in zip(batch, poses(), strict=True):
        np.testing.assert_allclose(one, function(vertices, FACES), atol=1e-6)
    as_tensors = function(torch.from_numpy(poses())[None], BODY.faces)
    np.testing.assert_array_equal(as_tensors[0].numpy(), batch)


def test_dilation_walks_along_edges() -> None:
    start = np.zeros(len(BODY.template), bool)
    start[100] = True
    one = dilated(start, NEIGHBOURS, 1)
    assert one.sum() == NEIGHBOURS[100].nnz + 1 and dilated(start, NEIGHBOURS, 2).sum() > one.sum()


def test_components_are_the_balls() -> None:
    component = connected_components(FACES, len(BODY.template))
    assert len(np.unique(component)) == 4 and len(np.unique(component[BODY.skin.numpy()])) == 1


def test_smoothing_and_the_laplacian_leave_a_constant_alone() -> None:
    constant = np.full((len(BODY.template), 2), 3.0, np.float32)
    np.testing.assert_allclose(smoothed(constant, NEIGHBOURS, 5), constant, rtol=1e-5)
    assert np.abs(graph_laplacian(NEIGHBOURS) @ constant).max() < 1e-9
    one = smoothed((np.arange(len(BODY.template)) == 100).astype(np.float32), NEIGHBOURS, 1)
    assert one[100] == pytest.approx(1 / (NEIGHBOURS[100].nnz + 1)) and (one > 0).sum() == NEIGHBOURS[100].nnz + 1
