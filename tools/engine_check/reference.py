"""What an exported avatar should be: avatar.npz posed in NumPy by the formula of docs/formats.md."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np


@dataclass(frozen=True)
class Reference:
    """T frames of V vertices and J joints in the frame of the files: y up, metres."""

    vertices: np.ndarray  # [T, V, 3]
    joints: np.ndarray  # [T, J, 3]
    times: np.ndarray  # [T] seconds
    faces: np.ndarray  # [F, 3]
    uv: np.ndarray  # [U, 2]
    uv_faces: np.ndarray  # [F, 3]
    texture: np.ndarray  # [S, S, 3] BGR
    intrinsics: np.ndarray  # [3, 3]
    size: np.ndarray  # [2] width and height of the video
    world_from_camera: np.ndarray  # [4, 4]
    joint_names: list[str]

    def in_camera(self, frame: int) -> np.ndarray:
        """Return the vertices of a frame in the camera's axes. [V, 3]"""
        to_camera = np.linalg.inv(self.world_from_camera)
        return self.vertices[frame] @ to_camera[:3, :3].T + to_camera[:3, 3]


def load(results: Path) -> Reference:
    """Read a folder of fit-avatar's results."""
    with np.load(results / "avatar.npz") as z:
        arrays = {name: z[name] for name in z.files}
    extras = _json_of(results / "avatar.glb")["animations"][0]["extras"]
    to_world = np.array(extras["world_from_camera"])
    vertices, joints = _posed(arrays)
    frames = arrays["frame_indices"]
    return Reference(
        vertices=vertices @ to_world[:3, :3].T + to_world[:3, 3],
        joints=joints @ to_world[:3, :3].T + to_world[:3, 3],
        times=(frames - extras["first_frame"]) / float(arrays["fps"]),
        faces=arrays["faces"],
        uv=arrays["uv"],
        uv_faces=arrays["uv_faces"],
        texture=cv2.imread(str(results / "avatar.png")),
        intrinsics=arrays["intrinsics"],
        size=arrays["image_size"],
        world_from_camera=to_world,
        joint_names=[str(name) for name in arrays["joint_names"]],
    )


def _posed(a: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices [T, V, 3] and joints [T, J, 3] in the camera's axes."""
    axis_angle = np.concatenate([a["global_orient"][:, None], a["body_pose"]], 1).astype(float)
    bind, rest, parents = a["bind_rotations"].astype(float), a["joints_bind"].astype(float), a["parents"]
    turns, places = np.empty((*axis_angle.shape[:2], 3, 3)), np.empty(axis_angle.shape)
    for t, pose in enumerate(axis_angle):
        for k, parent in enumerate(parents):
            local = cv2.Rodrigues(pose[k])[0]
            if parent < 0:
                turns[t, k], places[t, k] = local, rest[k] + a["transl"][t]
            else:
                turns[t, k] = turns[t, parent] @ local
                skin = turns[t, parent] @ bind[parent].T
                places[t, k] = places[t, parent] + skin @ (rest[k] - rest[parent])
    skins = turns @ bind.transpose(0, 2, 1)
    shifts = places - np.einsum("tkab,kb->tka", skins, rest)
    vertices = [
        np.einsum("vab,vb->va", np.tensordot(a["lbs_weights"], skin, 1), a["vertices_bind"]) + a["lbs_weights"] @ shift
        for skin, shift in zip(skins, shifts, strict=True)
    ]
    return np.stack(vertices), places


def attributes(glb: Path) -> dict[str, np.ndarray]:
    """Return the vertex attributes and "indices" of a GLB's first primitive, in their own types."""
    document, content = _json_of(glb), glb.read_bytes()
    (length,) = struct.unpack("<I", content[12:16])
    binary = content[20 + length + 8 :]
    primitive = document["meshes"][0]["primitives"][0]
    arrays = {}
    for name, index in {**primitive["attributes"], "indices": primitive["indices"]}.items():
        accessor = document["accessors"][index]
        dtype = {5126: "<f4", 5125: "<u4", 5123: "<u2", 5121: "u1"}[accessor["componentType"]]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        offset = document["bufferViews"][accessor["bufferView"]]["byteOffset"]
        flat = np.frombuffer(binary, dtype, accessor["count"] * width, offset)
        arrays[name] = flat.reshape(-1, width) if width > 1 else flat
    return arrays


def _json_of(glb: Path) -> dict:
    content = glb.read_bytes()
    (length,) = struct.unpack("<I", content[12:16])
    return json.loads(content[20 : 20 + length])
