"""The avatar as a mesh of trimesh or Open3D, for scripts that work with these packages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.errors import BadInputError
from fit_avatar.evaluate.surface import import_open3d
from fit_avatar.export.mesh import ROUGHNESS, rest_mesh, split_seams
from fit_avatar.io.optional import import_optional, install

if TYPE_CHECKING:
    from trimesh import Trimesh

FloatArray = NDArray[np.float64]


def to_trimesh(
    body: Body, state: BodyState, image: NDArray[np.uint8] | None = None, frame: int | None = None
) -> Trimesh:
    """Return the avatar as a textured ``trimesh.Trimesh``.

    trimesh stores one texture coordinate per vertex, so vertices are duplicated along texture seams.

    Args:
        body: the body.
        state: shape and T poses.
        image: of the texture, RGB, the first row v = 1; None leaves out the material. [S, S, 3]
        frame: 0 to T − 1, for the posed mesh in camera coordinates (y down, as ``frames/``); None for the bind pose
            on the floor, y up, as ``avatar.obj``. Metres in both cases.

    Raises:
        BadInputError: there is no such frame.
        MissingDependencyError: trimesh or Pillow is not installed.
    """
    trimesh = _trimesh("trimesh")
    visual = _trimesh("trimesh.visual")
    vertices, normals = _surface(body, state, frame)
    split = split_seams(body.faces.cpu().numpy(), body.uv_faces.cpu().numpy())
    material = None
    if image is not None:
        picture = _trimesh("PIL.Image").fromarray(np.ascontiguousarray(image))
        material = visual.material.PBRMaterial(
            name="avatar", baseColorTexture=picture, metallicFactor=0.0, roughnessFactor=ROUGHNESS
        )
    mesh: Trimesh = trimesh.Trimesh(
        vertices[split.vertex],
        split.faces,
        vertex_normals=normals[split.vertex],
        visual=visual.TextureVisuals(uv=body.uvs.cpu().double().numpy()[split.uv], material=material),
        process=False,  # vertices keep their order
    )
    return mesh


def to_open3d(body: Body, state: BodyState, image: NDArray[np.uint8] | None = None, frame: int | None = None) -> Any:
    """Return the avatar as a textured ``open3d.geometry.TriangleMesh``.

    Its vertices and triangles are the body's; texture coordinates belong to the corners of triangles. Open3D's own
    convention for images is kept, in which the first row of a texture is v = 0.

    Args:
        body: the body.
        state: shape and T poses.
        image: as for :func:`to_trimesh`.
        frame: as for :func:`to_trimesh`.

    Raises:
        BadInputError: there is no such frame.
        MissingDependencyError: Open3D, or a system library that it needs, is not installed.
    """
    o3d = import_open3d("Open3D meshes")
    vertices, normals = _surface(body, state, frame)
    faces, uv_faces = body.faces.cpu().numpy(), body.uv_faces.cpu().numpy()
    points, indices = o3d.utility.Vector3dVector, o3d.utility.Vector3iVector
    mesh = o3d.geometry.TriangleMesh(points(vertices), indices(faces.astype(np.int32)))
    mesh.vertex_normals = points(normals)
    mesh.triangle_uvs = o3d.utility.Vector2dVector(body.uvs.cpu().double().numpy()[uv_faces.ravel()])
    if image is not None:
        mesh.triangle_material_ids = o3d.utility.IntVector(np.zeros(len(faces), np.int32))
        mesh.textures = [o3d.geometry.Image(np.ascontiguousarray(image[::-1]))]
    return mesh


def _trimesh(module: str) -> Any:
    return import_optional(
        module,
        "Avatar.to_trimesh needs the packages trimesh and pillow",
        f"install them with {install('trimesh', 'pillow')}",
    )


def _surface(body: Body, state: BodyState, frame: int | None) -> tuple[FloatArray, FloatArray]:
    """Return vertices and unit normals in the bind pose or in a frame. [V, 3] each"""
    if frame is None:
        rest = rest_mesh(body, state)
        return rest.vertices, rest.normals
    count = len(state.transl)
    if not 0 <= frame < count:
        raise BadInputError(f"there is no frame {frame}, since the avatar has {count}: give one from 0 to {count - 1}")
    one = slice(frame, frame + 1)
    posed = replace(
        state,
        global_orient=state.global_orient[one],
        body_pose=state.body_pose[one],
        transl=state.transl[one],
        expression=None if state.expression is None else state.expression[one],
    )
    with torch.no_grad():
        vertices = pose_body(body, posed).vertices[0].cpu().double().numpy()
    return vertices, vertex_normals(vertices, body.faces.cpu().numpy())
