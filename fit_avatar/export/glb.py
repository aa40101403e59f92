"""avatar.glb: a skinned, textured, animated glTF 2.0 binary."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.export.animations import GENERATOR, animation, mesh_node
from fit_avatar.export.face import Changes, Face, face_of
from fit_avatar.export.gltf import INDEX_BUFFER, VERTEX_BUFFER, Buffer, packed
from fit_avatar.export.image import image_bytes
from fit_avatar.export.lod import simplified
from fit_avatar.export.mesh import MAX_INFLUENCES, ROUGHNESS, RestMesh, SplitMesh, rest_mesh, split_seams
from fit_avatar.export.motion import root_motion, seconds
from fit_avatar.export.normal_map import Shading, normal_map
from fit_avatar.export.rig import Rig, rest_rig
from fit_avatar.io.atomic import write_bytes


def write_glb(
    path: Path,
    body: Body,
    state: BodyState,
    fps: float,
    texture: NDArray[np.uint8] | Path,
    frame_indices: NDArray[np.int64] | None = None,
    image_format: str = "png",
    skeleton: str = "smpl",
    detail: float = 1.0,
    displacement: NDArray[np.float32] | None = None,
    times_s: NDArray[np.float64] | None = None,
    name: str = "captured",
    blendshapes: bool = False,
    blendshape_weights: NDArray[np.float32] | None = None,
) -> Path:
    """Write the avatar with its skeleton, texture and captured motion.

    The joints' local rotations are SMPL's own (the animation can be swapped for any SMPL motion); the default
    pose is the body's bind pose on the floor. ``animations[0].extras.world_from_camera`` is the matrix (rows)
    that takes camera coordinates, as in ``frames/``, to the animation's.

    Args:
        path: of the file.
        body: the body; each vertex keeps its four largest weights.
        state: shape and T poses.
        fps: frames per second of the video.
        texture: [S, S, 3] uint8 RGB, or the path of an image file.
        frame_indices: of the T frames in the video; by default 0…T−1. [T]
        image_format: of the embedded texture, "png" or "jpg".
        skeleton: naming of the joints, see :mod:`fit_avatar.export.skeletons`.
        detail: fraction of the triangles to keep, see :mod:`fit_avatar.export.lod`.
        displacement: heights above the surface in metres, for a normal map. [s, s]
        times_s: when the frames were taken, in seconds; by default as ``frame_indices`` and ``fps`` say. [T]
        name: of the animation.
        blendshapes: the default body's shapes of the face come as morph targets, with joints of jaw and eyes. The
            full mesh alone has them.
        blendshape_weights: what the face does, for the animation of these targets. [T, 52]

    Returns:
        ``path``. Metres, y up, facing +z.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
        MissingDependencyError: ``detail`` is less than 1 and meshoptimizer is not installed.
    """
    buffer, rest = Buffer(), rest_mesh(body, state)
    face = face_of(body, rest) if blendshapes and detail >= 1 else None
    rig = rest_rig(body, state, skeleton, face=face)
    look = Look(texture, image_format, displacement)
    document = avatar_document(buffer, body, rest, rig, look, face, detail)
    times = seconds(len(state.transl), fps, frame_indices, times_s)
    extras = {"first_frame": 0 if frame_indices is None else int(frame_indices[0]), "fps": fps}
    weights = None if face is None or blendshape_weights is None else (mesh_node(document), blendshape_weights)
    document["animations"] = [animation(buffer, rig, root_motion(body, state), times, name, extras, weights)]
    write_bytes(path, finished(document, buffer))
    return path


@dataclass(frozen=True)
class Look:
    """What is seen of a surface."""

    texture: NDArray[np.uint8] | Path
    """[S, S, 3] RGB, or the path of a picture."""
    image_format: str = "png"
    """Of the embedded texture, "png" or "jpg"."""
    displacement: NDArray[np.float32] | None = None
    """Heights above the surface in metres, for a normal map. [s, s]"""


def avatar_document(
    buffer: Buffer, body: Body, rest: RestMesh, rig: Rig, look: Look, face: Face | None = None, detail: float = 1.0
) -> dict[str, Any]:
    """Return a file's JSON without animations, with the arrays in a buffer. Node i is joint i; the mesh is behind them.

    Args:
        buffer: of the file, empty.
        body: with weights and texture coordinates.
        rest: the person in the bind pose.
        rig: the skeleton, with the face's joints if there is a face.
        look: texture and normal map.
        face: shapes for morph targets.
        detail: fraction of the triangles to keep.
    """
    nodes = _joint_nodes(rig)
    mesh = simplified(split_seams(body.faces.cpu().numpy(), body.uv_faces.cpu().numpy()), rest.vertices, detail)
    shading = Shading.of(rest, body.uvs.cpu().double().numpy(), mesh)
    kind, bumpy = look.image_format, look.displacement is not None
    pictures = [("avatar", kind, image_bytes(look.texture, f".{kind}"))]
    material: dict[str, Any] = {
        "name": "avatar",
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0},
            "metallicFactor": 0.0,
            "roughnessFactor": ROUGHNESS,
        },
    }
    if look.displacement is not None:
        bumps = image_bytes(normal_map(look.displacement, body, rest, shading), ".png")
        pictures.append(("avatar_normal", "png", bumps))
        material["normalTexture"] = {"index": 1}
    primitive = _primitive(buffer, body, rig, mesh, shading, bumpy, face)
    drawn: dict[str, Any] = {"name": "avatar", "primitives": [primitive]}
    if face is not None:
        primitive["targets"] = [_target(buffer, each, mesh) for each in face.shapes]
        drawn |= {"weights": [0.0] * len(face.names), "extras": {"targetNames": list(face.names)}}
    return {
        "asset": {"version": "2.0", "generator": GENERATOR} | ({"copyright": body.licence} if body.licence else {}),
        "scene": 0,
        "scenes": [{"nodes": [0, len(nodes)]}],
        "nodes": [*nodes, {"name": "avatar", "mesh": 0, "skin": 0}],
        "meshes": [drawn],
        "skins": [_skin(buffer, rig)],
        "materials": [material],
        "textures": [{"source": source, "sampler": 0} for source in range(len(pictures))],
        "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}],
        "images": [
            {
                "name": name,
                "mimeType": "image/jpeg" if kind == "jpg" else "image/png",
                "bufferView": buffer.view(content),
            }
            for name, kind, content in pictures
        ],
    }


def finished(document: dict[str, Any], buffer: Buffer) -> bytes:
    """Return the content of a file."""
    arrays = {"accessors": buffer.accessors, "bufferViews": buffer.views, "buffers": [{"byteLength": len(buffer.data)}]}
    return packed({**document, **arrays}, bytes(buffer.data))


def _joint_nodes(rig: Rig) -> list[dict[str, Any]]:
    """Return one node for each joint in the bind pose, with the joint's own axes, so that R_k is its local rotation."""
    nodes = []
    for joint, (name, local) in enumerate(zip(rig.names, rig.local, strict=True)):
        node: dict[str, Any] = {
            "name": name,
            "translation": local[:3, 3].tolist(),
            "rotation": Rotation.from_matrix(local[:3, :3]).as_quat().tolist(),
        }
        children = rig.children(joint)
        nodes.append(node | ({"children": children} if children else {}))
    return nodes


def _primitive(
    buffer: Buffer, body: Body, rig: Rig, mesh: SplitMesh, shading: Shading, tangents: bool, face: Face | None
) -> dict[str, Any]:
    skinning = body.lbs_weights.cpu().double().numpy()
    joints, weights = strongest_influences(skinning if face is None else face.weights(skinning), rig.pelvis)
    uvs = shading.uvs * [1, -1] + [0, 1]  # in glTF, v points down
    index_type = "<u2" if len(mesh.vertex) < 0xFFFF else "<u4"
    attributes = {
        "POSITION": buffer.array(shading.points, "<f4", VERTEX_BUFFER, bounds=True),
        "NORMAL": buffer.array(shading.normals, "<f4", VERTEX_BUFFER),
        "TEXCOORD_0": buffer.array(uvs, "<f4", VERTEX_BUFFER),
        "JOINTS_0": buffer.array(joints[mesh.vertex], "|u1", VERTEX_BUFFER),
        "WEIGHTS_0": buffer.array(weights[mesh.vertex], "<f4", VERTEX_BUFFER),
    }
    if tangents:
        attributes["TANGENT"] = buffer.array(shading.tangents, "<f4", VERTEX_BUFFER)
    return {
        "attributes": attributes,
        "indices": buffer.array(mesh.faces.ravel(), index_type, INDEX_BUFFER),
        "material": 0,
    }


def _target(buffer: Buffer, shape: Changes, mesh: SplitMesh) -> dict[str, int]:
    """Return a morph target: displacements and changes of normals, on the split mesh."""
    count = len(mesh.vertex)
    return {
        "POSITION": buffer.sparse(*_split(shape.moved, shape.offsets, mesh), count),
        "NORMAL": buffer.sparse(*_split(shape.turned, shape.normals, mesh), count),
    }


def _split(at: NDArray[np.int64], values: NDArray[np.float64], mesh: SplitMesh) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return values of M vertices of the body at the vertices of the split mesh, and their indices."""
    place = np.full(mesh.vertex.max() + 1, -1)
    place[at] = np.arange(len(at))
    chosen = np.flatnonzero(place[mesh.vertex] >= 0)
    return chosen, values[place[mesh.vertex[chosen]]]


def strongest_influences(
    lbs_weights: NDArray[np.float64], first: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the joints [V, 4] of each vertex's largest weights, and these weights [V, 4], which sum to 1.

    Args:
        lbs_weights: of the body. [V, J]
        first: index in the file of the body's first joint; joints without weight are 0.
    """
    joints = np.argsort(-lbs_weights, axis=1, kind="stable")[:, :MAX_INFLUENCES]
    weights = np.take_along_axis(lbs_weights, joints, axis=1)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return np.where(weights > 0, joints + first, 0), weights


def _skin(buffer: Buffer, rig: Rig) -> dict[str, Any]:
    inverse = np.linalg.inv(rig.world)
    inverse[:, 3] = [0, 0, 0, 1]
    columns = inverse.transpose(0, 2, 1).reshape(-1, 16)
    return {"skeleton": 0, "joints": list(range(len(columns))), "inverseBindMatrices": buffer.array(columns, "<f4")}
