"""OBJ files, read back by trimesh."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.errors import BadInputError
from fit_avatar.export import write_frames, write_obj
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.export.obj import _smpl24

TEXTURE = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)


def test_avatar_stands_on_the_floor_with_its_texture(tmp_path: Path, body: Body, state: BodyState) -> None:
    path = write_obj(tmp_path / "out", body, state, TEXTURE)
    assert sorted(p.name for p in path.parent.iterdir()) == ["avatar.mtl", "avatar.obj", "avatar.png"]
    mesh = trimesh.load(path, process=False, maintain_order=True)
    assert isinstance(mesh, trimesh.Trimesh)
    low, high = mesh.bounds
    assert low[1] == pytest.approx(0, abs=1e-5) and high[1] == pytest.approx(1.7, abs=0.1)
    assert len(mesh.faces) == len(body.faces)
    expected = rest_mesh(body, state).vertices[body.faces.numpy()]
    np.testing.assert_allclose(mesh.vertices[mesh.faces], expected, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(mesh.visual.material.image.convert("RGB")), TEXTURE)  # type: ignore[union-attr]


def test_every_corner_has_its_texture_coordinate(tmp_path: Path, body: Body, state: BodyState) -> None:
    o3d = pytest.importorskip("open3d")
    mesh = o3d.io.read_triangle_mesh(str(write_obj(tmp_path, body, state, TEXTURE)))
    uvs = np.asarray(mesh.triangle_uvs).reshape(-1, 3, 2)
    np.testing.assert_allclose(uvs, body.uvs[body.uv_faces].numpy(), atol=1e-5)


def test_normals_point_outwards(body: Body, state: BodyState) -> None:
    mesh = rest_mesh(body, state)
    skin = body.skin.numpy()
    centre = mesh.vertices[skin].mean(0)
    assert ((mesh.vertices - centre) * mesh.normals).sum(1)[skin].min() > 0
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-9)


def test_frames_are_the_posed_meshes_in_camera_coordinates(tmp_path: Path, body: Body, state: BodyState) -> None:
    indices = np.array([0, 3, 7, 8, 20, 100])
    seen: list[int] = []
    frames = write_frames(tmp_path, body, state, indices, lambda done, total: seen.append(done))
    assert sorted(p.name for p in frames.iterdir()) == [f"{i:06d}.obj" for i in indices]
    assert seen == [1, 2, 3, 4, 5, 6]
    posed = pose_body(body, state)
    mesh = trimesh.load(frames / "000020.obj", process=False, maintain_order=True)
    assert isinstance(mesh, trimesh.Trimesh)
    np.testing.assert_allclose(mesh.vertices[mesh.faces], posed.vertices[4][body.faces].numpy(), atol=1e-5)
    with np.load(tmp_path / "joints.npz") as joints:
        np.testing.assert_array_equal(joints["frame_index"], indices)
        np.testing.assert_allclose(joints["smpl24"], posed.joints.numpy())


def test_texture_may_be_a_file(tmp_path: Path, body: Body, state: BodyState) -> None:
    source = tmp_path / "painted.jpg"
    cv2.imwrite(str(source), np.full((8, 8, 3), (10, 200, 30), np.uint8))
    path = write_obj(tmp_path, body, state, source)
    pixel = cv2.imread(str(path.with_suffix(".png")))[4, 4]
    np.testing.assert_allclose(pixel, (10, 200, 30), atol=4)
    source.write_text("no image")
    with pytest.raises(BadInputError, match="not an image"):
        write_obj(tmp_path, body, state, source)


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, body: Body, state: BodyState, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(BadInputError, match="the disk is full"):
        write_frames(tmp_path, body, state, np.arange(6))
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BadInputError, match="the disk is full"):
        write_obj(tmp_path, body, state, TEXTURE)
    assert list(tmp_path.iterdir()) == []


def test_a_hand_with_fingers_stands_for_smpls_hand(body: Body) -> None:
    names = tuple(name.replace("_hand", "_middle1") for name in body.joint_names)
    assert _smpl24(replace(body, joint_names=names)) == list(range(24))
