"""The rasteriser against shapes whose image is known, and against Open3D's ray casting."""

import math

import numpy as np
import pytest
import torch

from fit_avatar.capture.types import Camera
from fit_avatar.errors import BadInputError
from fit_avatar.visibility.raster import rasterize, rasterize_uv, silhouette, visible_faces

CAMERA = Camera(fx=300.0, fy=310.0, cx=101.3, cy=77.7, width=200, height=160)


def sphere(radius: float = 0.5, subdivisions: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    trimesh = pytest.importorskip("trimesh")
    mesh = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return torch.tensor(mesh.vertices).float(), torch.tensor(mesh.faces).long()


def test_sphere_has_the_area_and_depth_of_a_sphere() -> None:
    vertices, faces = sphere()
    raster = rasterize(vertices + torch.tensor([0.0, 0.0, 3.0]), faces, CAMERA)
    # an on-axis sphere's outline is a circle of radius f·r/√(d² − r²)
    area = math.pi * CAMERA.fx * CAMERA.fy * 0.25 / (9 - 0.25)
    assert raster.mask.sum().item() == pytest.approx(area, rel=0.01)
    assert raster.depth[raster.mask].min().item() == pytest.approx(2.5, abs=1e-3)
    assert torch.isinf(raster.depth[~raster.mask]).all()
    assert (raster.barycentric[~raster.mask] == 0).all()


@pytest.mark.parametrize("cull", [False, True])
@pytest.mark.parametrize("place", [(0.0, 0.0, 3.0), (0.7, -0.4, 2.0), (0.0, 0.0, -3.0)])  # whole, cut off, behind
def test_visible_faces_are_those_of_the_raster(place: tuple[float, float, float], cull: bool) -> None:
    vertices, faces = sphere(subdivisions=3)
    vertices = vertices + torch.tensor(place)
    found = visible_faces(vertices, faces, CAMERA, cull)
    assert torch.equal(found, rasterize(vertices, faces, CAMERA, cull_backfaces=cull).face_index)
    assert (found >= 0).any() == (place[2] > 0)


def test_barycentric_weights_put_the_point_back_under_its_pixel_centre() -> None:
    vertices, faces = sphere()
    vertices = vertices + torch.tensor([0.1, -0.05, 1.2])
    raster = rasterize(vertices, faces, CAMERA)
    points = raster.interpolate(vertices, faces)[raster.mask].double()
    pixels = points @ torch.from_numpy(CAMERA.intrinsics).T
    rows, columns = raster.mask.nonzero().T
    torch.testing.assert_close(pixels[:, 0] / pixels[:, 2], columns + 0.5, atol=1e-3, rtol=0, check_dtype=False)
    torch.testing.assert_close(pixels[:, 1] / pixels[:, 2], rows + 0.5, atol=1e-3, rtol=0, check_dtype=False)
    torch.testing.assert_close(points[:, 2].float(), raster.depth[raster.mask], atol=1e-5, rtol=0)


def test_tilted_plane_depth_is_perspective_correct() -> None:
    # the plane z = 2 + x/2, big enough to fill the image: along the ray (a, b, 1), z = 2 / (1 − a/2)
    corners = torch.tensor([[-1.9, -3.0, 1.05], [4.0, -3.0, 4.0], [4.0, 3.0, 4.0], [-1.9, 3.0, 1.05]])
    raster = rasterize(corners, torch.tensor([[0, 1, 2], [0, 2, 3]]), CAMERA)
    assert raster.mask.all()
    rays = (torch.arange(CAMERA.width) + 0.5 - CAMERA.cx) / CAMERA.fx
    torch.testing.assert_close(raster.depth, (2 / (1 - rays / 2)).expand(CAMERA.height, -1), atol=1e-5, rtol=0)


def test_shared_edges_are_covered_exactly_once() -> None:
    # corners and edges pass through pixel centres on purpose
    grid = torch.stack(torch.meshgrid(torch.arange(9), torch.arange(9), indexing="xy"), -1).reshape(-1, 2) * 4 + 0.5
    index = torch.arange(81).reshape(9, 9)
    a, b, c, d = index[:-1, :-1].flatten(), index[:-1, 1:].flatten(), index[1:, 1:].flatten(), index[1:, :-1].flatten()
    faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])
    vertices = torch.cat([grid, torch.ones(81, 1)], 1)
    identity = torch.eye(3)
    hits = sum(silhouette(vertices, face[None], identity, 40, 40).int() for face in faces)
    assert isinstance(hits, torch.Tensor)
    assert hits.max() == 1 and hits.sum() == 32 * 32
    assert torch.equal(hits.bool(), silhouette(vertices, faces, identity, 40, 40))


def test_nearest_triangle_wins_whatever_the_order() -> None:
    triangle = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
    vertices = torch.cat([triangle + torch.tensor([0, 0, z]) for z in (3.0, 2.0, 4.0)])
    raster = rasterize(vertices, torch.arange(9).reshape(3, 3), CAMERA)
    assert (raster.face_index[raster.mask] <= 1).all() and raster.face_index[78, 101] == 1


@pytest.mark.parametrize("shift", [(0.0, 0.0, -3.0), (50.0, 0.0, 3.0), (0.0, -50.0, 3.0)])
def test_what_is_outside_the_view_is_not_drawn(shift: tuple[float, float, float]) -> None:
    vertices, faces = sphere(subdivisions=1)
    vertices = vertices + torch.tensor(shift)
    assert not rasterize(vertices, faces, CAMERA).mask.any()
    assert not silhouette(vertices, faces, CAMERA).any()


def test_a_mesh_cut_by_the_image_border_is_drawn_up_to_it() -> None:
    vertices, faces = sphere(radius=2.0)
    vertices = vertices + torch.tensor([1.0, 1.0, 2.5])
    raster = rasterize(vertices, faces, CAMERA)
    assert raster.mask[-1, -1] and not raster.mask[0, 0]
    assert torch.equal(raster.mask, silhouette(vertices, faces, CAMERA))


def test_culling_keeps_the_outside_of_a_closed_mesh() -> None:
    vertices, faces = sphere()
    vertices = vertices + torch.tensor([0.0, 0.0, 3.0])
    whole, culled = rasterize(vertices, faces, CAMERA), rasterize(vertices, faces, CAMERA, cull_backfaces=True)
    assert torch.equal(whole.face_index, culled.face_index)
    assert torch.equal(whole.mask, silhouette(vertices, faces, CAMERA, cull_backfaces=True))
    inside_out = rasterize(vertices, faces.flip(1), CAMERA, cull_backfaces=True)
    assert inside_out.depth[inside_out.mask].min() > 2.9


def test_many_chunks_give_the_same_image(monkeypatch: pytest.MonkeyPatch) -> None:
    vertices, faces = sphere()
    vertices = vertices + torch.tensor([0.0, 0.0, 1.5])
    expected = rasterize(vertices, faces, CAMERA)
    monkeypatch.setattr("fit_avatar.visibility.raster.MAX_PIXELS_AT_ONCE", 500)
    assert torch.equal(rasterize(vertices, faces, CAMERA).face_index, expected.face_index)


def test_atlas_rows_start_at_the_top() -> None:
    uvs = torch.tensor([[0.0, 1.0], [0.5, 1.0], [0.0, 0.5]])
    raster = rasterize_uv(uvs, torch.tensor([[0, 1, 2]]), 16)
    assert raster.mask[0, 0] and not raster.mask[8:].any() and not raster.mask[:, 8:].any()
    place = raster.interpolate(uvs, torch.tensor([[0, 1, 2]]))[2, 3]
    torch.testing.assert_close(place, torch.tensor([3.5 / 16, 1 - 2.5 / 16]))


def test_matrix_without_a_size_is_refused() -> None:
    with pytest.raises(BadInputError, match="image size"):
        rasterize(torch.zeros(3, 3), torch.tensor([[0, 1, 2]]), torch.eye(3))


def test_agrees_with_open3d_ray_casting() -> None:
    o3d = pytest.importorskip("open3d")
    generator = np.random.default_rng(0)
    vertices, faces = sphere(subdivisions=3)
    vertices = vertices * (1 + 0.3 * torch.from_numpy(generator.random((len(vertices), 1))).float())
    vertices = vertices @ torch.from_numpy(np.linalg.qr(generator.normal(size=(3, 3)))[0]).float()
    vertices = vertices + torch.tensor([0.05, 0.02, 2.0])
    raster = rasterize(vertices, faces, CAMERA)

    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.core.Tensor(vertices.numpy()), o3d.core.Tensor(faces.numpy().astype(np.uint32)))
    columns, rows = np.meshgrid(np.arange(CAMERA.width) + 0.5, np.arange(CAMERA.height) + 0.5)
    rays = np.stack([(columns - CAMERA.cx) / CAMERA.fx, (rows - CAMERA.cy) / CAMERA.fy, np.ones_like(rows)], -1)
    rays = np.concatenate([np.zeros_like(rays), rays], -1).astype(np.float32)
    hit = scene.cast_rays(o3d.core.Tensor(rays))["t_hit"].numpy()  # t along (a, b, 1) is the depth
    both = np.isfinite(hit) & raster.mask.numpy()
    assert (np.isfinite(hit) != raster.mask.numpy()).sum() <= 2
    assert np.quantile(np.abs(hit[both] - raster.depth.numpy()[both]), 0.999) < 1e-4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_draws_what_the_cpu_draws() -> None:
    vertices, faces = sphere()
    vertices = vertices + torch.tensor([0.1, 0.0, 2.0])
    cpu, cuda = rasterize(vertices, faces, CAMERA), rasterize(vertices.cuda(), faces.cuda(), CAMERA)
    assert (cpu.face_index != cuda.face_index.cpu()).float().mean() < 1e-4
