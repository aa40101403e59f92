"""The texture's pixels as points on the body: which triangle each texel lies on, and where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from fit_avatar.body.model import Body
from fit_avatar.body.operators import connected_components
from fit_avatar.errors import BadInputError
from fit_avatar.visibility.raster import rasterize_uv

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Atlas:
    """The N texels that lie on the body, sorted by triangle."""

    size: int
    texel: IntArray  # [N] index into the flattened image
    face: IntArray  # [N]
    barycentric: FloatArray  # [N, 3]
    start: IntArray  # [F] first texel of each triangle
    count: IntArray  # [F]
    faces: IntArray  # [F, 3] corners, into the body's vertices

    @classmethod
    def of(cls, body: Body, size: int) -> Atlas:
        """Rasterise the body's UV layout onto ``size`` × ``size`` texels.

        Raises:
            BadInputError: the body has no texture coordinates.
        """
        if not len(body.uvs):
            raise BadInputError(
                f"the body {body.name} has no texture coordinates: get it from load_body, or use unwrap.with_atlas"
            )
        raster = rasterize_uv(body.uvs.cpu(), body.uv_faces.cpu(), size)
        face_of_texel = raster.face_index.numpy().ravel()
        texel = np.flatnonzero(face_of_texel >= 0)
        texel = texel[np.argsort(face_of_texel[texel], kind="stable")]
        face = face_of_texel[texel]
        faces = body.faces.cpu().numpy()
        count = np.bincount(face, minlength=len(faces))
        barycentric = raster.barycentric.numpy().reshape(-1, 3)[texel]
        return cls(size, texel, face, barycentric, np.cumsum(count) - count, count, faces)

    @cached_property
    def _corners(self) -> NDArray[np.int32]:
        """Return each texel's three vertices. [N, 3]"""
        return self.faces.astype(np.int32)[self.face]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Return the mask of the UV islands. [S, S]"""
        mask = np.zeros(self.size * self.size, bool)
        mask[self.texel] = True
        return mask.reshape(self.size, self.size)

    def texels_of(self, faces: IntArray) -> tuple[IntArray, IntArray]:
        """Return the texels (positions in the N) of some triangles, and for each the position of its triangle."""
        count = self.count[faces]
        owner = np.repeat(np.arange(len(faces)), count)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        return self.start[faces][owner] + within, owner

    def interpolate(self, values: NDArray[np.floating[Any]], select: IntArray | slice = slice(None)) -> FloatArray:
        """Return vertex values [V, C] interpolated at (some of the) texels. [n, C]"""
        corners, weights = self._corners[select], self.barycentric[select]
        start = np.arange(0, corners.size + 1, 3, dtype=np.int32)
        # a sparse product goes through the texels once, without a copy of the values for each corner
        matrix = csr_matrix((weights.ravel(), corners.ravel(), start), (len(corners), len(values)))
        return np.asarray(matrix @ values, dtype=np.float32)

    def to_image(self, colours: NDArray[np.floating[Any]]) -> FloatArray:
        """Return the image [S, S, C] with texel colours [N, C]; 0 elsewhere."""
        image = np.zeros((self.size * self.size, colours.shape[1]), np.float32)
        image[self.texel] = colours
        return image.reshape(self.size, self.size, -1)


def islands(body: Body) -> IntArray:
    """Return the label of each triangle's UV island. [F]"""
    corners = body.uv_faces.cpu().numpy()
    return np.asarray(connected_components(corners, len(body.uvs))[corners[:, 0]], dtype=np.int64)


def vertex_texels(body: Body, size: int) -> IntArray:
    """Return one texel near each vertex, as an index into the flattened image. [V]"""
    uv = np.zeros((len(body.template), 2))
    centre = body.uvs[body.uv_faces].mean(1, keepdim=True)
    corners = 0.8 * body.uvs[body.uv_faces] + 0.2 * centre  # a little inside the triangle, away from seams
    uv[body.faces.cpu().numpy().ravel()] = corners.reshape(-1, 2).cpu().numpy()
    return _texel_at(uv, size)


def mirror_texels(body: Body, atlas: Atlas) -> IntArray:
    """Return for each of the N texels the one on the body's other side, as an index into the flattened image. [N]

    A triangle's mirror image is the triangle of its corners' mirror vertices. Those may have several texture
    coordinates, one for each side of a seam: the nearest together are taken, which are on the same island.
    """
    uvs, faces, uv_faces = (a.cpu().numpy() for a in (body.uvs, body.faces, body.uv_faces))
    choices = _uv_choices(faces, uv_faces, len(body.template))
    corners = choices[body.mirror.cpu().numpy()[faces]]  # [F, 3, C]
    best = corners[:, :, 0].copy()
    at_seam = np.flatnonzero((corners != corners[:, :, :1]).any(axis=(1, 2)))
    best_spread = np.full(len(at_seam), np.inf)
    for combination in product(range(choices.shape[1]), repeat=3):
        candidate = corners[at_seam[:, None], [0, 1, 2], list(combination)]
        spread = np.ptp(uvs[candidate], axis=1).sum(axis=1)
        best[at_seam] = np.where((spread < best_spread)[:, None], candidate, best[at_seam])
        best_spread = np.minimum(spread, best_spread)
    u, v = (sum(atlas.barycentric[:, k] * uvs[best[:, k], axis].take(atlas.face) for k in range(3)) for axis in (0, 1))
    return _texel_at(np.stack([u, v], 1), atlas.size)


def _uv_choices(faces: IntArray, uv_faces: IntArray, num_vertices: int) -> IntArray:
    """List the texture coordinates of each vertex, repeating the last. [V, C]"""
    pairs = np.unique(np.stack([faces.ravel(), uv_faces.ravel()], 1), axis=0)
    count = np.bincount(pairs[:, 0], minlength=num_vertices)
    start = np.cumsum(count) - count
    column = np.minimum(np.arange(min(count.max(), 4))[None], np.maximum(count - 1, 0)[:, None])
    return np.asarray(pairs[np.minimum(start[:, None] + column, len(pairs) - 1), 1])


def _texel_at(uv: NDArray[np.floating[Any]], size: int) -> IntArray:
    column = np.clip((uv[:, 0] * size).astype(np.int64), 0, size - 1)
    row = np.clip(((1 - uv[:, 1]) * size).astype(np.int64), 0, size - 1)
    return row * size + column
