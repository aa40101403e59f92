"""Distances between the outer surfaces of a clip and the true ones, under three alignments."""

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

CENTRE_SAMPLES = 4000
"""Points from which the centroid of a surface is computed. Chosen by hand."""


@dataclass(frozen=True)
class Mesh:
    """One frame's surface in camera coordinates, metres."""

    vertices: FloatArray  # [V, 3]
    faces: IntArray  # [F, 3]

    def outer(self, up: ArrayLike) -> Mesh:
        """Return the part that is visible from outside."""
        return Mesh(self.vertices, self.faces[outer_faces(self.vertices, self.faces, up)])

    def moved(self, motion: Similarity) -> Mesh:
        """Return the mesh after a transform."""
        return Mesh(motion(self.vertices), self.faces)

    def to(self, other: Mesh, samples: int) -> SurfaceDistance:
        """Return the distance to another mesh (forward) and from there (backward)."""
        return surface_distance(self.vertices, self.faces, other.vertices, other.faces, samples)

    @property
    def centre(self) -> FloatArray:
        """Return the centroid of the surface, weighted by area. [3]"""
        centroid: FloatArray = sample_surface(self.vertices, self.faces, CENTRE_SAMPLES).mean(0)
        return centroid

    def extent(self, axis: ArrayLike) -> float:
        """Return the length along an axis."""
        used = self.vertices[np.unique(self.faces)]
        return float(np.ptp(used @ np.asarray(axis, np.float64)))


@dataclass(frozen=True)
class ClipDistance:
    """Distances over the frames of a clip, under three alignments; forward is from the reconstruction to the truth."""

    similarity: tuple[SurfaceDistance, ...]
    """Each frame aligned by a similarity transform."""
    height: tuple[SurfaceDistance, ...]
    """Each frame aligned rigidly, after one scale for the clip that gives the person the true height."""
    camera: tuple[SurfaceDistance, ...]
    """One scale about the camera for the clip; errors of pose and position remain."""
    motions: tuple[Similarity, ...]
    """The transforms of the alignment by height."""
    scale_error: float
    """The reconstruction fits best when it is larger by this fraction."""


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
