"""The avatar in trimesh and Open3D has the vertices, texture coordinates and colours of the avatar's own arrays."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fit_avatar.avatar import Avatar
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.capture import Camera, Capture
from fit_avatar.errors import BadInputError, MissingDependencyError
from fit_avatar.export import to_open3d, to_trimesh, write_obj
from fit_avatar.export.mesh import rest_mesh

IMAGE = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def trimesh() -> Any:
    return pytest.importorskip("trimesh")


@pytest.fixture(scope="module")
def o3d() -> Any:
    return pytest.importorskip("open3d", exc_type=(ImportError, OSError))


def expected(body: Body, state: BodyState, frame: int | None) -> NDArray[np.float64]:
    """Return the corners of all triangles. [F, 3, 3]"""
    if frame is None:
        return rest_mesh(body, state).vertices[body.faces.numpy()]
    return pose_body(body, state).vertices[frame].double().numpy()[body.faces.numpy()]


def colours(image: NDArray[np.uint8], uvs: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the nearest texels; the first row is v = 1. uvs [..., 2] → [..., 3]"""
    column, row = np.floor(np.stack([uvs[..., 0], 1 - uvs[..., 1]]) * len(image)).astype(int).clip(0, len(image) - 1)
    return image[row, column]


@pytest.mark.parametrize("frame", [None, 3])
def test_trimesh_has_the_surface_and_its_texture(
    trimesh: Any, tmp_path: Path, body: Body, state: BodyState, frame: int | None
) -> None:
    mesh = to_trimesh(body, state, IMAGE, frame)
    uvs = body.uvs[body.uv_faces].numpy()
    for suffix in ("", "glb", "obj"):
        if suffix:
            mesh.export(tmp_path / f"avatar.{suffix}")
            mesh = trimesh.load(tmp_path / f"avatar.{suffix}", force="mesh", process=False, maintain_order=True)
        np.testing.assert_allclose(mesh.vertices[mesh.faces], expected(body, state, frame), atol=1e-5)
        np.testing.assert_allclose(mesh.visual.uv[mesh.faces], uvs, atol=1e-5)
        material = mesh.visual.material
        picture = material.image if suffix == "obj" else material.baseColorTexture
        np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), IMAGE)
    if frame is None:
        assert mesh.bounds[0, 1] == pytest.approx(0, abs=1e-5)


def test_trimesh_shows_the_colours_at_the_vertices(trimesh: Any, body: Body, state: BodyState) -> None:
    blocks = np.kron(IMAGE[:4, :4], np.ones((16, 16, 1), np.uint8))
    mesh = to_trimesh(body, state, blocks)
    uvs = np.asarray(mesh.visual.uv)
    inside = (np.abs(uvs * 4 - np.rint(uvs * 4)) > 0.1).all(1)  # away from the borders between blocks
    found = mesh.visual.to_color().vertex_colors[inside, :3]
    np.testing.assert_array_equal(found, colours(blocks, uvs)[inside])


@pytest.mark.parametrize("frame", [None, 3])
def test_open3d_has_the_surface_and_its_texture(
    o3d: Any, tmp_path: Path, body: Body, state: BodyState, frame: int | None
) -> None:
    mesh = to_open3d(body, state, IMAGE, frame)
    assert len(mesh.vertices) == len(body.template)
    np.testing.assert_allclose(np.linalg.norm(np.asarray(mesh.vertex_normals), axis=1), 1, atol=1e-6)
    o3d.io.write_triangle_mesh(str(tmp_path / "avatar.obj"), mesh)
    for found in (mesh, o3d.io.read_triangle_mesh(str(tmp_path / "avatar.obj"))):
        corners = np.asarray(found.vertices)[np.asarray(found.triangles)]
        uvs = np.asarray(found.triangle_uvs).reshape(-1, 3, 2)
        np.testing.assert_allclose(corners, expected(body, state, frame), atol=1e-5)
        np.testing.assert_allclose(uvs, body.uvs[body.uv_faces].numpy(), atol=1e-5)
        texture = np.asarray(found.textures[np.asarray(found.triangle_material_ids)[0]])
        np.testing.assert_array_equal(texture[::-1], IMAGE)


def test_open3d_holds_the_texture_as_its_own_reader_does(
    o3d: Any, tmp_path: Path, body: Body, state: BodyState
) -> None:
    found = o3d.io.read_triangle_mesh(str(write_obj(tmp_path, body, state, IMAGE)))
    texture = found.textures[np.asarray(found.triangle_material_ids)[0]]
    np.testing.assert_array_equal(np.asarray(to_open3d(body, state, IMAGE).textures[0]), np.asarray(texture))


def test_an_avatar_gives_its_own_mesh_and_texture(trimesh: Any, o3d: Any, body: Body, state: BodyState) -> None:
    count = len(state.transl)
    camera = Camera(300.0, 300.0, 60.0, 80.0, 120, 160)
    nothing = (np.zeros((count, 25, 3), np.float32), np.zeros((count, 160, 120), bool))
    avatar = Avatar(body, state, Capture(np.arange(count), *nothing, camera, np.ones(count, np.float32)), painted=IMAGE)
    for frame in (None, 2):
        mesh, other = avatar.to_trimesh(frame), avatar.to_open3d(frame)
        np.testing.assert_allclose(mesh.vertices[mesh.faces], expected(body, state, frame), atol=1e-5)
        np.testing.assert_allclose(np.asarray(other.vertices)[body.faces], expected(body, state, frame), atol=1e-5)
        np.testing.assert_array_equal(np.asarray(mesh.visual.material.baseColorTexture), IMAGE)
        np.testing.assert_array_equal(np.asarray(other.textures[0])[::-1], IMAGE)


def test_without_a_texture_there_is_still_a_surface(trimesh: Any, o3d: Any, body: Body, state: BodyState) -> None:
    assert to_trimesh(body, state).visual.uv.shape[1] == 2
    assert not to_open3d(body, state).has_textures() and to_open3d(body, state).has_triangle_uvs()


@pytest.mark.parametrize("convert", [to_trimesh, to_open3d])
@pytest.mark.parametrize("frame", [-1, 6])
def test_a_frame_that_does_not_exist_raises(
    trimesh: Any, o3d: Any, body: Body, state: BodyState, convert: Any, frame: int
) -> None:
    with pytest.raises(BadInputError, match=rf"^there is no frame {frame}, .*: give one from 0 to 5$"):
        convert(body, state, frame=frame)


@pytest.mark.parametrize(
    ("convert", "module", "packages"),
    [
        (to_trimesh, "trimesh", "trimesh pillow"),
        (to_trimesh, "PIL.Image", "trimesh pillow"),
        (to_open3d, "open3d", "open3d"),
    ],
)
def test_a_missing_package_comes_with_the_command(
    monkeypatch: pytest.MonkeyPatch, body: Body, state: BodyState, convert: Any, module: str, packages: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=rf"needs? .*: .*pip install {packages}$"):
        convert(body, state, IMAGE)
