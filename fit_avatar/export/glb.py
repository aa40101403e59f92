"""avatar.glb: a skinned, textured, animated glTF 2.0 binary."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.export.image import image_bytes
from fit_avatar.export.lod import simplified
from fit_avatar.export.mesh import ROUGHNESS, SplitMesh, rest_mesh, split_seams
from fit_avatar.export.motion import root_motion, seconds
from fit_avatar.export.normal_map import Shading, normal_map
from fit_avatar.export.rig import Rig, rest_rig
from fit_avatar.io.atomic import write_bytes

MAX_INFLUENCES = 4
"""Joints per vertex; more would need a second set of attributes, which few viewers read."""
FLOAT, USHORT, UBYTE, UINT = 5126, 5123, 5121, 5125
VERTEX_BUFFER, INDEX_BUFFER = 34962, 34963
TYPES = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (16,): "MAT4"}
COMPONENTS = {"<f4": FLOAT, "<u2": USHORT, "|u1": UBYTE, "<u4": UINT}


@dataclass
class _Buffer:
    """The binary chunk under construction, with its views and accessors."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def view(self, content: bytes, **more: Any) -> int:
        """Append bytes, aligned to four, and return the index of their view."""
        self.data.extend(b"\0" * (-len(self.data) % 4))
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content), **more})
        self.data.extend(content)
        return len(self.views) - 1

    def array(self, values: NDArray[Any], dtype: str, target: int | None = None, bounds: bool = False) -> int:
        """Append an array (first axis: elements) and return the index of its accessor."""
        values = np.ascontiguousarray(values, dtype=dtype)
        accessor: dict[str, Any] = {
            "bufferView": self.view(values.tobytes(), **({"target": target} if target else {})),
            "componentType": COMPONENTS[dtype],
            "count": len(values),
            "type": TYPES[values.shape[1:]],
        }
        if bounds:
            flat = values.reshape(len(values), -1)
            accessor |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


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

    Returns:
        ``path``. Metres, y up, facing +z.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
        MissingDependencyError: ``detail`` is less than 1 and meshoptimizer is not installed.
    """
    buffer = _Buffer()
    rig = rest_rig(body, state, skeleton)
    nodes = _joint_nodes(rig)
    rest = rest_mesh(body, state)
    mesh = simplified(split_seams(body.faces.cpu().numpy(), body.uv_faces.cpu().numpy()), rest.vertices, detail)
    shading = Shading.of(rest, body.uvs.cpu().double().numpy(), mesh)
    pictures = [("avatar", image_format, image_bytes(texture, f".{image_format}"))]
    material: dict[str, Any] = {
        "name": "avatar",
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0},
            "metallicFactor": 0.0,
            "roughnessFactor": ROUGHNESS,
        },
    }
    if displacement is not None:
        bumps = image_bytes(normal_map(displacement, body, rest, shading), ".png")
        pictures.append(("avatar_normal", "png", bumps))
        material["normalTexture"] = {"index": 1}
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "fit-avatar"} | ({"copyright": body.licence} if body.licence else {}),
        "scene": 0,
        "scenes": [{"nodes": [0, len(nodes)]}],
        "nodes": [*nodes, {"name": "avatar", "mesh": 0, "skin": 0}],
        "meshes": [
            {"name": "avatar", "primitives": [_primitive(buffer, body, rig, mesh, shading, displacement is not None)]}
        ],
        "skins": [_skin(buffer, rig)],
        "animations": [_animation(buffer, body, state, rig, fps, frame_indices, times_s)],
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
    document |= {"accessors": buffer.accessors, "bufferViews": buffer.views}
    document["buffers"] = [{"byteLength": len(buffer.data)}]
    write_bytes(path, container(document, bytes(buffer.data)))
    return path


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
    buffer: _Buffer, body: Body, rig: Rig, mesh: SplitMesh, shading: Shading, tangents: bool
) -> dict[str, Any]:
    joints, weights = strongest_influences(body.lbs_weights.cpu().double().numpy(), rig.pelvis)
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


def _skin(buffer: _Buffer, rig: Rig) -> dict[str, Any]:
    inverse = np.linalg.inv(rig.world)
    inverse[:, 3] = [0, 0, 0, 1]
    columns = inverse.transpose(0, 2, 1).reshape(-1, 16)
    return {"skeleton": 0, "joints": list(range(len(columns))), "inverseBindMatrices": buffer.array(columns, "<f4")}


def _animation(
    buffer: _Buffer,
    body: Body,
    state: BodyState,
    rig: Rig,
    fps: float,
    frame_indices: NDArray[np.int64] | None,
    times_s: NDArray[np.float64] | None,
) -> dict[str, Any]:
    motion = root_motion(body, state)
    first = 0 if frame_indices is None else int(frame_indices[0])
    times = buffer.array(seconds(len(motion.pelvis), fps, frame_indices, times_s), "<f4", bounds=True)
    outputs = [("rotation", rig.pelvis + j, motion.rotations[:, j]) for j in range(len(body.parents))]
    outputs.append(("translation", rig.pelvis, motion.pelvis))
    samplers = [{"input": times, "output": buffer.array(values, "<f4")} for _, _, values in outputs]
    channels = [{"sampler": s, "target": {"node": node, "path": path}} for s, (path, node, _) in enumerate(outputs)]
    extras = {"world_from_camera": motion.world_from_camera.tolist(), "first_frame": first, "fps": fps}
    return {"name": "captured", "samplers": samplers, "channels": channels, "extras": extras}


def container(document: dict[str, Any], binary: bytes) -> bytes:
    """Wrap JSON and binary into a GLB, each chunk padded to four bytes."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    header = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(binary))
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return header + chunks
