"""Normal maps: shading with them gives the surface that they stand for."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.export.mesh import RestMesh, rest_mesh, split_seams
from fit_avatar.export.normal_map import Shading, normal_map
from fit_avatar.visibility.raster import rasterize_uv

SIZE = 512


@pytest.fixture(scope="module")
def rest(body: Body, state: BodyState) -> RestMesh:
    return rest_mesh(body, state)


@pytest.fixture(scope="module")
def shading(body: Body, rest: RestMesh) -> Shading:
    mesh = split_seams(body.faces.numpy(), body.uv_faces.numpy())
    return Shading.of(rest, body.uvs.double().numpy(), mesh)


def shown(image: NDArray[np.uint8], shading: Shading) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The normals that a shader computes, by the formula of the glTF specification. [n, 3], [SIZE, SIZE]"""
    raster = rasterize_uv(torch.from_numpy(shading.uvs), torch.from_numpy(shading.faces), SIZE)
    mask = raster.mask.numpy()
    normal, tangent = (
        raster.interpolate(torch.from_numpy(a), torch.from_numpy(shading.faces)).numpy()[mask]
        for a in (shading.normals, shading.tangents)
    )
    normal, right = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (normal, tangent[:, :3]))
    up = np.cross(normal, right) * np.sign(tangent[:, 3:])
    red, green, blue = (2.0 * image[mask] / 255 - 1).T[:, :, None]
    made = right * red + up * green + normal * blue
    return made / np.linalg.norm(made, axis=1, keepdims=True), mask


def test_tangents_run_along_u_and_lie_on_the_surface(shading: Shading) -> None:
    right, side = shading.tangents[:, :3], shading.tangents[:, 3]
    np.testing.assert_allclose(np.linalg.norm(right, axis=1), 1, atol=1e-9)
    np.testing.assert_allclose((right * shading.normals).sum(1), 0, atol=1e-9)
    assert set(side) <= {-1.0, 1.0}
    points, uvs = (a[shading.faces] for a in (shading.points, shading.uvs))
    steps, sides = points[:, 1:] - points[:, :1], uvs[:, 1:] - uvs[:, :1]
    upright = np.linalg.det(sides) > 1e-6
    along = np.linalg.solve(sides[upright], steps[upright])[:, 0]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    assert np.quantile((along * right[shading.faces[upright, 0]]).sum(1), 0.1) > 0.8


def test_no_displacement_is_a_blue_map(body: Body, rest: RestMesh) -> None:
    image = normal_map(np.zeros((64, 64), np.float32), body, rest).astype(int)
    assert np.abs(image - [127.5, 127.5, 255]).max() < 1


def test_hills_are_shaded_as_hills(body: Body, rest: RestMesh, shading: Shading) -> None:
    y, x = np.mgrid[:SIZE, :SIZE] * 2 * np.pi / 24
    displacement = (0.004 * np.cos(x) * np.cos(y)).astype(np.float32)
    image = normal_map(displacement, body, rest)
    ours, mask = shown(image, shading)
    raster = rasterize_uv(torch.from_numpy(shading.uvs), torch.from_numpy(shading.faces), SIZE)
    faces = torch.from_numpy(shading.faces)
    place, normal = (raster.interpolate(torch.from_numpy(a), faces).numpy() for a in (shading.points, shading.normals))
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-9)

    def across(points: NDArray[np.float64]) -> NDArray[np.float64]:
        outside = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
        outside *= np.sign((outside * normal).sum(2, keepdims=True))
        return outside / np.maximum(np.linalg.norm(outside, axis=2, keepdims=True), 1e-12)

    true, smooth = across(place + normal * displacement[..., None])[mask], across(place)[mask]
    inner = np.linalg.norm(smooth - normal[mask], axis=1) < 0.2  # not across seams
    tilt, error = true - smooth, ours - normal[mask] - (true - smooth)
    assert inner.mean() > 0.6 and np.median(np.linalg.norm(tilt[inner], axis=1)) > 0.1
    assert np.median(np.linalg.norm(error[inner], axis=1)) < 0.3 * np.median(np.linalg.norm(tilt[inner], axis=1))


def test_a_coarse_mesh_is_shaded_like_the_fine_one(body: Body, rest: RestMesh, shading: Shading) -> None:
    pytest.importorskip("meshoptimizer")
    from fit_avatar.export.lod import simplified

    whole = split_seams(body.faces.numpy(), body.uv_faces.numpy())
    coarse = Shading.of(rest, body.uvs.double().numpy(), simplified(whole, rest.vertices, 0.25))
    flat = np.zeros((SIZE, SIZE), np.float32)
    wanted, mask = shown(normal_map(flat, body, rest), shading)
    image = np.zeros((SIZE, SIZE, 3))
    image[mask] = wanted
    apart = []
    for used in (normal_map(flat, body, rest, coarse), normal_map(flat, body, rest)):
        ours, covered = shown(used, coarse)
        both = (covered & mask)[covered]
        cosine = (ours[both] * image[covered][both]).sum(1).clip(-1, 1)
        apart.append(np.degrees(np.arccos(cosine)).mean())
    assert apart[0] < 1.0 and apart[1] > 3 * apart[0]
