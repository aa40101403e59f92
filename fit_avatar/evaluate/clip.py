"""The outer surfaces of a clip against the true ones, under alignments that forgive more or less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fit_avatar.evaluate.align import Similarity, align_surfaces
from fit_avatar.evaluate.outer import outer_faces
from fit_avatar.evaluate.surface import SurfaceDistance, sample_surface, surface_distance

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Mesh:
    """One frame's surface in camera coordinates, metres."""

    vertices: FloatArray  # [V, 3]
    faces: IntArray  # [F, 3]

    def outer(self, up: ArrayLike) -> Mesh:
        """Return what is seen of it from outside."""
        return Mesh(self.vertices, self.faces[outer_faces(self.vertices, self.faces, up)])

    def moved(self, motion: Similarity) -> Mesh:
        """Return it after a motion."""
        return Mesh(motion(self.vertices), self.faces)

    def to(self, other: Mesh, samples: int) -> SurfaceDistance:
        """Return the distance to another mesh (forward) and from there (backward)."""
        return surface_distance(self.vertices, self.faces, other.vertices, other.faces, samples)

    @property
    def centre(self) -> FloatArray:
        """Return the middle of the surface, every piece by its area. [3]"""
        middle: FloatArray = sample_surface(self.vertices, self.faces, 4000).mean(0)
        return middle

    def extent(self, axis: ArrayLike) -> float:
        """Return how far it reaches along an axis."""
        used = self.vertices[np.unique(self.faces)]
        return float(np.ptp(used @ np.asarray(axis, np.float64)))


@dataclass(frozen=True)
class ClipDistance:
    """Distances over the frames of a clip, under three alignments; forward is from the reconstruction to the truth."""

    similarity: tuple[SurfaceDistance, ...]
    """Each frame turned, moved and scaled onto the truth."""
    height: tuple[SurfaceDistance, ...]
    """Each frame turned and moved; one scale for the clip, at which the person is as tall as in truth."""
    camera: tuple[SurfaceDistance, ...]
    """Only one scale about the camera: errors of pose and place remain."""
    motions: tuple[Similarity, ...]
    """The motions of the alignment by height."""
    scale_error: float
    """The reconstruction must grow by this part of its size to fit best."""


def compare_clip(
    found: Sequence[Mesh], truth: Sequence[Mesh], up: ArrayLike = (0.0, -1.0, 0.0), samples: int = 50_000
) -> ClipDistance:
    """Compare the outer surfaces of the same frames.

    Args:
        found: the reconstruction of each frame, in camera coordinates.
        truth: the true surface of each frame; give outer surfaces of both (:meth:`Mesh.outer`).
        up: the direction away from the floor.
        samples: points on each surface.

    Raises:
        ValueError: not the same number of frames, or none.
        MissingDependencyError: Open3D is not installed.
    """
    if len(found) != len(truth) or not found:
        raise ValueError(f"give the same frames of both, but there are {len(found)} and {len(truth)}")
    axis = np.asarray(up, np.float64) / np.linalg.norm(np.asarray(up, np.float64))
    free, tall = [], []
    for mesh, true in zip(found, truth, strict=True):
        start = Similarity(true.extent(axis) / mesh.extent(axis), np.eye(3), true.centre)
        start = Similarity(start.scale, start.rotation, true.centre - start.scale * mesh.centre)
        motion = align_surfaces(mesh.vertices, mesh.faces, true.vertices, true.faces, start)
        free.append(motion)
        tall.append(true.extent(axis) / mesh.extent(motion.rotation.T @ axis))
    scale = float(np.median(tall))
    upright = [
        align_surfaces(m.vertices, m.faces, t.vertices, t.faces, motion.about(m.centre, scale), fix_scale=True)
        for m, t, motion in zip(found, truth, free, strict=True)
    ]
    depth = float(np.median([t.centre[2] / m.centre[2] for m, t in zip(found, truth, strict=True)]))
    place = Similarity(depth, np.eye(3), np.zeros(3))

    def distances(motions: Sequence[Similarity]) -> tuple[SurfaceDistance, ...]:
        pairs = zip(found, truth, motions, strict=True)
        return tuple(mesh.moved(motion).to(true, samples) for mesh, true, motion in pairs)

    error = float(np.median([motion.scale for motion in free])) - 1
    return ClipDistance(distances(free), distances(upright), distances([place] * len(found)), tuple(upright), error)


def pooled(distances: Sequence[SurfaceDistance]) -> SurfaceDistance:
    """Return the distances of all frames together."""
    return SurfaceDistance(
        np.concatenate([d.forward for d in distances]), np.concatenate([d.backward for d in distances])
    )
