"""Relief and lost vertices as a tangent-space normal map, so that a mesh of few triangles is shaded like a fine one.

The convention is glTF's (OpenGL's): red to the right in the texture, green up, blue out of the surface. A map belongs
to one mesh with its normals and tangents. For a level of detail it therefore also holds what was lost with the
vertices: the full mesh's normals, as the level's own frame sees them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.export.mesh import RestMesh, SplitMesh, split_seams
from fit_avatar.texture import nearest_inside
from fit_avatar.visibility.raster import Raster, rasterize_uv

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

STEEPEST = 1.0
"""Slopes of the relief beyond this are cut."""
LEAST_OUTWARDS = 0.05
"""Of the blue part: no normal of a map points into the surface."""


@dataclass(frozen=True)
class Shading:
    """A mesh as it is shaded: along its texture, every vertex has a normal and a tangent."""

    points: FloatArray  # [N, 3]
    normals: FloatArray  # [N, 3] unit
    tangents: FloatArray  # [N, 4] unit, to the right in the texture; last: 1, or −1 where the texture is mirrored
    uvs: FloatArray  # [N, 2] v up
    faces: NDArray[np.int64]  # [F, 3]

    @classmethod
    def of(cls, rest: RestMesh, uvs: FloatArray, mesh: SplitMesh) -> Shading:
        """Find the tangents of a mesh. uvs [U, 2]"""
        points, normals, uv = rest.vertices[mesh.vertex], rest.normals[mesh.vertex], uvs[mesh.uv]
        return cls(points, normals, _tangents(points, normals, uv, mesh.faces), uv, mesh.faces)

    def at_texels(self, size: int) -> tuple[FloatArray, BoolArray]:
        """Return tangent, bitangent and normal as a shader has them at the n texels, and which these are.

        [n, 3, 3] (one to a row), [size, size]
        """
        raster = self.drawn(size)
        upward = np.cross(self.normals, self.tangents[:, :3]) * self.tangents[:, 3:]
        values = np.concatenate([self.tangents[:, :3], upward, self.normals], axis=1)
        mask = raster.mask.numpy()
        axes = raster.interpolate(torch.from_numpy(values).float(), torch.from_numpy(self.faces)).double().numpy()[mask]
        return _unit(axes.reshape(-1, 3, 3)), mask

    def drawn(self, size: int) -> Raster:
        """Rasterise the texture's layout onto size × size texels."""
        return rasterize_uv(torch.from_numpy(self.uvs), torch.from_numpy(self.faces), size)


def normal_map(
    relief: NDArray[np.float32], body: Body, rest: RestMesh, level: Shading | None = None
) -> NDArray[np.uint8]:
    """Return the normal map of the full mesh or of a level of detail. [s, s, 3] RGB

    Args:
        relief: heights above the surface, in metres; the first row is v = 1. [s, s]
        body: with the texture coordinates.
        rest: the person as the file holds it.
        level: the mesh that the map is for; None: the full one.
    """
    size = len(relief)
    whole = split_seams(body.faces.cpu().numpy(), body.uv_faces.cpu().numpy())
    full = Shading.of(rest, body.uvs.cpu().double().numpy(), whole)
    normals = _detailed(full, relief.astype(np.float64))
    axes, mask = (level or full).at_texels(size)
    seen = _in_axes(normals[mask], axes)
    seen[:, 2] = np.maximum(seen[:, 2], LEAST_OUTWARDS)
    values = np.broadcast_to([0.0, 0.0, 1.0], (size, size, 3)).copy()
    values[mask] = _unit(seen)
    return np.asarray(np.rint(127.5 + 127.5 * _outwards(values, mask)), dtype=np.uint8)


def _detailed(full: Shading, relief: FloatArray) -> FloatArray:
    """Return the normals of the full mesh with its relief at every texel, beyond the islands the nearest. [s, s, 3]"""
    size = len(relief)
    raster = full.drawn(size)
    mask = raster.mask.numpy()
    normals = _unit(raster.interpolate(torch.from_numpy(full.normals), torch.from_numpy(full.faces)).numpy()[mask])
    corners, places = full.points[full.faces], size * full.uvs[full.faces] * [1, -1]
    to_texels = np.linalg.pinv(places[:, 1:] - places[:, :1])
    step = to_texels @ (corners[:, 1:] - corners[:, :1])  # to the texel on the right and the one below, in metres
    upwards = np.linalg.pinv(step)[raster.face_index.numpy()[mask]]  # [n, 3, 2]
    differences = np.stack([cv2.Sobel(relief, cv2.CV_64F, *order, scale=1 / 8) for order in ((1, 0), (0, 1))], axis=-1)
    slope = np.einsum("nci,ni->nc", upwards, differences[mask])
    slope /= np.maximum(np.linalg.norm(slope, axis=1, keepdims=True) / STEEPEST, 1)
    image = np.zeros((size, size, 3))
    image[mask] = _unit(normals - slope)
    return _outwards(image, mask)


def _in_axes(vectors: FloatArray, axes: FloatArray) -> FloatArray:
    """Return how much of each axis a vector takes; the axes may be a little askew. [n, 3], [n, 3, 3] → [n, 3]"""
    a, b, c = axes.transpose(1, 0, 2)
    dual = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)
    volume = np.einsum("nc,nc->n", a, dual[:, 0])[:, None]
    return np.asarray(np.einsum("nic,nc->ni", dual, vectors) / np.where(np.abs(volume) < 1e-3, 1e-3, volume))


def _outwards(image: FloatArray, mask: BoolArray) -> FloatArray:
    """Give texels outside the islands the value of the nearest one inside. image [s, s, C], mask [s, s]"""
    return np.asarray(image.reshape(-1, image.shape[2])[nearest_inside(mask)])


def _tangents(points: FloatArray, normals: FloatArray, uvs: FloatArray, faces: NDArray[np.int64]) -> FloatArray:
    """Return each vertex's mean direction along which u grows, square to its normal, and the texture's side. [N, 4]"""
    edges, sides = (values[faces][:, 1:] - values[faces][:, :1] for values in (points, uvs))
    area = np.abs(np.linalg.det(sides))
    along = np.linalg.pinv(sides) @ edges * area[:, None, None]  # [F, 2, 3]: where u and v grow
    total = np.zeros((len(points), 2, 3))
    for corner in range(3):
        np.add.at(total, faces[:, corner], along)
    right = total[:, 0] - normals * (total[:, 0] * normals).sum(axis=1, keepdims=True)
    length = np.linalg.norm(right, axis=1, keepdims=True)
    aside = np.cross(normals, np.where(np.abs(normals[:, :1]) < 0.9, [1.0, 0, 0], [0, 1.0, 0]))
    right = _unit(np.where(length > 1e-12, right, aside))
    side = np.where((np.cross(normals, right) * total[:, 1]).sum(axis=1) < 0, -1.0, 1.0)
    return np.concatenate([right, side[:, None]], axis=1)


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
