"""Tangent-space normal maps: displacement, and for a level of detail also the normals of the full mesh.

The convention is that of glTF and OpenGL: red to the right in the texture, green up, blue out of the surface. A map
belongs to one mesh with its normals and tangents.
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

MAX_SLOPE = 1.0
"""Steeper slopes of the displacement are clipped. Chosen by hand."""
MIN_BLUE = 0.05
"""Least blue component, so that no normal points into the surface. Chosen by hand."""


@dataclass(frozen=True)
class Shading:
    """A mesh with normals and tangents, for shading with a normal map."""

    points: FloatArray  # [N, 3]
    normals: FloatArray  # [N, 3] unit
    tangents: FloatArray  # [N, 4] unit, along u; the last is 1, or −1 where the texture is mirrored
    uvs: FloatArray  # [N, 2], v up
    faces: NDArray[np.int64]  # [F, 3]

    @classmethod
    def of(cls, rest: RestMesh, uvs: FloatArray, mesh: SplitMesh) -> Shading:
        """Return the mesh with its tangents. uvs [U, 2]"""
        points, normals, uv = rest.vertices[mesh.vertex], rest.normals[mesh.vertex], uvs[mesh.uv]
        return cls(points, normals, _tangents(points, normals, uv, mesh.faces), uv, mesh.faces)

    def at_texels(self, size: int) -> tuple[FloatArray, BoolArray]:
        """Return tangent, bitangent and normal (rows) at n covered texels, and the texels. [n, 3, 3], [s, s]"""
        raster = self.rasterised(size)
        bitangents = np.cross(self.normals, self.tangents[:, :3]) * self.tangents[:, 3:]
        values = np.concatenate([self.tangents[:, :3], bitangents, self.normals], axis=1)
        mask = raster.mask.numpy()
        axes = raster.interpolate(torch.from_numpy(values).float(), torch.from_numpy(self.faces)).double().numpy()[mask]
        return _unit(axes.reshape(-1, 3, 3)), mask

    def rasterised(self, size: int) -> Raster:
        """Return the texture layout rasterised onto size × size texels."""
        return rasterize_uv(torch.from_numpy(self.uvs), torch.from_numpy(self.faces), size)


def normal_map(
    displacement: NDArray[np.float32], body: Body, rest: RestMesh, level: Shading | None = None
) -> NDArray[np.uint8]:
    """Return the normal map of the full mesh or of a level of detail. [s, s, 3] RGB

    Args:
        displacement: heights above the surface, in metres; the first row is v = 1. [s, s]
        body: with the texture coordinates.
        rest: the mesh of the file.
        level: the mesh that the map is for; by default the full one.
    """
    size = len(displacement)
    whole = split_seams(body.faces.cpu().numpy(), body.uv_faces.cpu().numpy())
    full = Shading.of(rest, body.uvs.cpu().double().numpy(), whole)
    normals = _detailed(full, displacement.astype(np.float64))
    axes, mask = (level or full).at_texels(size)
    seen = _in_axes(normals[mask], axes)
    seen[:, 2] = np.maximum(seen[:, 2], MIN_BLUE)
    values = np.broadcast_to([0.0, 0.0, 1.0], (size, size, 3)).copy()
    values[mask] = _unit(seen)
    return np.asarray(np.rint(127.5 + 127.5 * _filled(values, mask)), dtype=np.uint8)


def _detailed(full: Shading, displacement: FloatArray) -> FloatArray:
    """Return the normals of the full mesh with its displacement at every texel. [s, s, 3]"""
    size = len(displacement)
    raster = full.rasterised(size)
    mask = raster.mask.numpy()
    normals = _unit(raster.interpolate(torch.from_numpy(full.normals), torch.from_numpy(full.faces)).numpy()[mask])
    corners, texels = full.points[full.faces], size * full.uvs[full.faces] * [1, -1]
    to_texels = np.linalg.pinv(texels[:, 1:] - texels[:, :1])
    step = to_texels @ (corners[:, 1:] - corners[:, :1])  # to the texel on the right and the one below, in metres
    upwards = np.linalg.pinv(step)[raster.face_index.numpy()[mask]]  # [n, 3, 2]
    differences = np.stack(
        [cv2.Sobel(displacement, cv2.CV_64F, *order, scale=1 / 8) for order in ((1, 0), (0, 1))], axis=-1
    )
    slope = np.einsum("nci,ni->nc", upwards, differences[mask])
    slope /= np.maximum(np.linalg.norm(slope, axis=1, keepdims=True) / MAX_SLOPE, 1)
    image = np.zeros((size, size, 3))
    image[mask] = _unit(normals - slope)
    return _filled(image, mask)


def _in_axes(vectors: FloatArray, axes: FloatArray) -> FloatArray:
    """Return vectors in coordinates of axes that need not be orthogonal. [n, 3], [n, 3, 3] → [n, 3]"""
    a, b, c = axes.transpose(1, 0, 2)
    dual = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)
    volume = np.einsum("nc,nc->n", a, dual[:, 0])[:, None]
    return np.asarray(np.einsum("nic,nc->ni", dual, vectors) / np.where(np.abs(volume) < 1e-3, 1e-3, volume))


def _filled(image: FloatArray, mask: BoolArray) -> FloatArray:
    """Return the image with texels outside the mask replaced by the nearest one inside. [s, s, C], [s, s]"""
    return np.asarray(image.reshape(-1, image.shape[2])[nearest_inside(mask)])


def _tangents(points: FloatArray, normals: FloatArray, uvs: FloatArray, faces: NDArray[np.int64]) -> FloatArray:
    """Return unit tangents along u, orthogonal to the normals, and the sign of the bitangents. [N, 4]"""
    edges, sides = (values[faces][:, 1:] - values[faces][:, :1] for values in (points, uvs))
    area = np.abs(np.linalg.det(sides))
    along = np.linalg.pinv(sides) @ edges * area[:, None, None]  # [F, 2, 3]: directions of u and v
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
