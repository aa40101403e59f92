"""Who is seen where two fitted people overlap in the picture: the masks of both tell who is in front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.capture.types import Camera, Mask
from fit_avatar.energies.people import Overlaps
from fit_avatar.visibility.raster import rasterize


@dataclass(frozen=True)
class OcclusionConfig:
    """Settings of the comparison of fitted people with their masks."""

    rows: int = 160
    """Height of the picture in which people are compared; a person fills some 80 rows of it. Chosen by hand."""
    margin: int = 2
    """Pixels of this picture at the border of a mask or a body that say nothing, for both are a little off. Chosen by
    hand."""
    places: int = 24
    """So many places are compared of each person in a frame, evenly over the overlap. Chosen by hand."""


DEFAULT_OCCLUSION = OcclusionConfig()


@dataclass(frozen=True)
class _Drawn:
    """One person's fit in a frame."""

    inside: NDArray[np.bool_]
    """Where they are, without their border. [h, w]"""
    vertex: NDArray[np.int64]
    """The nearest vertex of the surface. [h, w]"""


def small_mask(mask: Mask, config: OcclusionConfig = DEFAULT_OCCLUSION) -> Mask:
    """Return a mask at the size at which people are compared. [H, W] → [h, w]"""
    size = _size(mask.shape[1], mask.shape[0], config)
    return np.asarray(cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 127)


def find_overlaps(
    body: Body,
    vertices: Tensor,
    camera: Camera,
    masks: Sequence[Mapping[int, Mask]],
    config: OcclusionConfig = DEFAULT_OCCLUSION,
) -> Overlaps:
    """Return where fitted people overlap, and which of the two is seen there.

    A place says something if the mask of one of the two holds it and that of the other does not.

    Args:
        body: the body.
        vertices: of N people in T frames, in the scene. [N, T, V, 3] metres
        camera: of the pictures.
        masks: of each person, of the size of :func:`small_mask`, by frame (0 … T − 1).
        config: settings.
    """
    people, frames = vertices.shape[:2]
    camera = camera.fitted_to(*_size(camera.width, camera.height, config))
    size = (people, frames, config.places)
    own, other, whose = (torch.zeros(size, dtype=torch.long) for _ in range(3))
    front = torch.zeros(size)
    for t in range(frames):
        here = [n for n in range(people) if t in masks[n]]
        pairs = [(a, b) for a, b in combinations(here, 2) if _may_overlap(vertices[a, t], vertices[b, t], camera)]
        drawn = {n: _draw(body, vertices[n, t], camera, config) for n in sorted({n for pair in pairs for n in pair})}
        share = config.places // max(len(here) - 1, 1)
        used = dict.fromkeys(here, 0)
        for a, b in pairs:
            first, second, sign = _compare(drawn[a], drawn[b], masks[a][t], masks[b][t], config.margin, share)
            for n, m, mine, theirs, seen in ((a, b, first, second, sign), (b, a, second, first, -sign)):
                chosen = slice(used[n], used[n] + len(seen))
                own[n, t, chosen], other[n, t, chosen] = torch.from_numpy(mine), torch.from_numpy(theirs)
                whose[n, t, chosen], front[n, t, chosen] = m, torch.from_numpy(seen)
                used[n] += len(seen)
    return Overlaps(own, whose, other, front).to(vertices.device)


def _size(width: int, height: int, config: OcclusionConfig) -> tuple[int, int]:
    rows = min(config.rows, height)
    return max(1, round(width * rows / height)), rows


def _may_overlap(one: Tensor, other: Tensor, camera: Camera) -> bool:
    """Return whether the boxes around two people's vertices [V, 3] overlap in the picture."""
    a, b = (camera.project(vertices) for vertices in (one, other))
    return bool((torch.minimum(a.amax(0), b.amax(0)) > torch.maximum(a.amin(0), b.amin(0))).all())


def _draw(body: Body, vertices: Tensor, camera: Camera, config: OcclusionConfig) -> _Drawn:
    raster = rasterize(vertices, body.faces, camera)
    corner = raster.barycentric.argmax(-1, keepdim=True)
    vertex = body.faces[raster.face_index.clamp_min(0)].gather(-1, corner)[..., 0]
    return _Drawn(_shrunk(raster.mask.cpu().numpy(), config.margin), vertex.cpu().numpy())


def _compare(
    a: _Drawn, b: _Drawn, mask_a: Mask, mask_b: Mask, margin: int, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return both surfaces' vertices at up to ``count`` places, and 1 where a is seen, −1 where b is. [P] each"""
    both = a.inside & b.inside
    seen_a = both & _shrunk(mask_a, margin) & ~mask_b
    seen_b = both & _shrunk(mask_b, margin) & ~mask_a
    rows, columns = np.nonzero(seen_a | seen_b)
    some = np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))
    rows, columns = rows[some], columns[some]
    front = np.where(seen_a[rows, columns], 1, -1).astype(np.float32)
    return a.vertex[rows, columns], b.vertex[rows, columns], front


def _shrunk(mask: Mask, margin: int) -> Mask:
    """Return a mask [h, w] without its border."""
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    return np.asarray(cv2.erode(mask.astype(np.uint8), kernel, borderValue=0) > 0)
