"""The texture's pixels as points on the body: which triangle each texel lies on, and where."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag

from fit_avatar.body.model import Body
from fit_avatar.body.operators import connected_components
from fit_avatar.errors import BadInputError
from fit_avatar.visibility.raster import rasterize_uv

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Atlas:
    """The N texels that lie on the body, sorted by triangle, on the body's device."""

    size: int
    texel: Tensor  # int64 [N] index into the flattened image
    face: Tensor  # int64 [N]
    barycentric: Tensor  # float32 [N, 3]
    start: Tensor  # int64 [F] first texel of each triangle
    count: Tensor  # int64 [F]
    faces: Tensor  # int64 [F, 3] corners, into the body's vertices

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
        raster = rasterize_uv(body.uvs, body.uv_faces, size)
        face = raster.face_index.flatten()
        texel = (face >= 0).nonzero()[:, 0]
        texel = texel.index_select(0, face.index_select(0, texel).argsort(stable=True))
        face, barycentric = face.index_select(0, texel), raster.barycentric.view(-1, 3).index_select(0, texel)
        count = torch.bincount(face, minlength=len(body.faces))
        return cls(size, texel, face, barycentric, count.cumsum(0) - count, count, body.faces)

    @cached_property
    def host(self) -> Atlas:
        """Return the same on the CPU."""
        if self.texel.device.type == "cpu":
            return self
        return Atlas(self.size, *(getattr(self, field.name).cpu() for field in fields(self)[1:]))

    @cached_property
    def arrays(self) -> AtlasArrays:
        """Return the texels as arrays."""
        host = self.host
        return AtlasArrays(*(a.numpy() for a in (host.texel, host.face, host.barycentric, host.faces, host.inside)))

    @cached_property
    def _corners(self) -> Tensor:
        """Return each texel's three vertices. int32 [N, 3]"""
        return self.faces.int().index_select(0, self.face)

    @cached_property
    def inside(self) -> Tensor:
        """Return the mask of the UV islands. bool [S, S]"""
        mask = torch.zeros(self.size * self.size, dtype=torch.bool, device=self.texel.device)
        return mask.index_fill_(0, self.texel, True).view(self.size, self.size)

    def texels_of(self, faces: Tensor) -> Tensor:
        """Return the texels (positions in the N) of some triangles, one after the other."""
        count = self.count[faces]
        owner = torch.repeat_interleave(count)
        within = torch.arange(len(owner), device=owner.device) - (count.cumsum(0) - count)[owner]
        return self.start[faces][owner] + within

    @overload
    def interpolate(self, values: Tensor, select: Tensor | slice = slice(None)) -> Tensor: ...
    @overload
    def interpolate(self, values: NDArray[np.floating[Any]], select: IntArray | slice = slice(None)) -> FloatArray: ...
    def interpolate(self, values: Any, select: Any = slice(None)) -> Any:
        """Return vertex values [V, C] interpolated at (some of the) texels. float32 [n, C]

        Tensors on the atlas's device and arrays are both taken, and returned as they came.
        """
        if isinstance(values, np.ndarray):
            some = select if isinstance(select, slice) else torch.from_numpy(select)
            return self.host.interpolate(torch.from_numpy(np.ascontiguousarray(values)), some).numpy()
        # one operation goes through the texels once, without a copy of the values for each corner
        corners, weights = self._corners[select], self.barycentric[select]
        return embedding_bag(corners, values.float(), mode="sum", per_sample_weights=weights)

    @overload
    def to_image(self, colours: Tensor) -> Tensor: ...
    @overload
    def to_image(self, colours: NDArray[np.floating[Any]]) -> FloatArray: ...
    def to_image(self, colours: Any) -> Any:
        """Return the image [S, S, C] with texel colours [N, C]; 0 elsewhere. Tensors and arrays as above."""
        if isinstance(colours, np.ndarray):
            return self.host.to_image(torch.from_numpy(np.ascontiguousarray(colours, np.float32))).numpy()
        image = colours.new_zeros(self.size * self.size, colours.shape[1])
        image[self.texel] = colours
        return image.view(self.size, self.size, -1)


class AtlasArrays(NamedTuple):
    """The arrays of an :class:`Atlas`."""

    texel: IntArray  # [N]
    face: IntArray  # [N]
    barycentric: FloatArray  # [N, 3]
    faces: IntArray  # [F, 3]
    inside: NDArray[np.bool_]  # [S, S] the UV islands


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
    face, weights = atlas.arrays.face, atlas.arrays.barycentric
    u, v = (sum(weights[:, k] * uvs[best[:, k], axis].take(face) for k in range(3)) for axis in (0, 1))
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
