"""The surface of head, neck and back below hair that hangs: what is around it, carried on smoothly below the hair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fit_avatar.body.hair import may_have_hair_behind
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.operators import adjacency, graph_laplacian, harmonic

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

REACH_M = 0.08
"""So far beside hair its outlines have drawn the surface along: on a rendered ponytail by 20 mm at 60 mm from the
middle of the back, and by 5 at 120."""
FURTHER_M = 0.15
"""So far below where hair seems to end, the surface may have been drawn out to it, so that it seems to end there. By
hand."""
LOWEST_M = 0.03
"""The lowest part of hair by which its width there is told. Chosen by hand."""
BACKWARDS = 0.1
"""The back is what looks no more to the front than this: z of the normal. Chosen by hand."""
SHEET_M = 0.06
"""Long hair reaches so far to both sides behind the neck, at least. Chosen by hand."""
ARMS = ("shoulder", "elbow", "wrist", "hand", "thumb", "index", "middle", "ring", "pinky")


def below_hair(body: Body, shape: FloatArray, hair: FloatArray) -> BoolArray:
    """Return which vertices hair hides, or has drawn out: skin of the back near it as seen from behind. [V]

    Args:
        body: the body.
        shape: its vertices in the bind pose, without offsets. [V, 3]
        hair: points of the hair in the bind pose. [N, 3]
    """
    low = hair[:, 1].min()
    end = hair[hair[:, 1] < low + LOWEST_M]
    further = [end - (0.0, down, 0.0) for down in np.arange(LOWEST_M, FURTHER_M, LOWEST_M / 2)]
    reached = np.concatenate([hair, *further])
    distance, _ = cKDTree(reached[:, :2]).query(shape[:, :2])
    names = [name.removeprefix("left_").removeprefix("right_") for name in body.joint_names]
    arms = [i for i, name in enumerate(names) if name.startswith(ARMS)]
    weights = body.lbs_weights.cpu().numpy()
    head = body.joint_names.index("head")
    level = shape[weights[:, head] > 0.9, 2].mean()
    backwards = vertex_normals(shape, body.faces.cpu().numpy())[:, 2] < BACKWARDS
    chosen = backwards & (shape[:, 2] < level) & (weights[:, arms].sum(1) < 0.5) & body.skin.cpu().numpy()
    if "face" in body.part_names:
        chosen &= body.part("face").cpu().numpy() < 0.5
    return np.asarray(chosen & (distance < REACH_M))


def below_long_hair(body: Body, shape: FloatArray) -> BoolArray:
    """Return which vertices long hair hides, or has drawn out: the neck all around, and the back between shoulders. [V]

    Args:
        body: the body.
        shape: its vertices in the bind pose, without offsets. [V, 3]
    """
    neck = may_have_hair_behind(body).cpu().numpy()
    low, high = shape[neck, 1].min(), shape[neck, 1].max()
    across, up = np.meshgrid(np.linspace(-SHEET_M, SHEET_M, 9), np.arange(low, high, LOWEST_M / 2))
    sheet = np.stack([across.ravel(), up.ravel(), np.zeros(across.size)], 1)
    return np.asarray(neck | below_hair(body, shape, sheet))


def carried_on(body: Body, offsets: FloatArray, below: BoolArray) -> FloatArray:
    """Return offsets with those of some vertices carried on from around: each the mean of its neighbours'. [V, 3]

    Args:
        body: the body.
        offsets: [V, 3] metres.
        below: the vertices. [V]
    """
    inner = np.flatnonzero(below)
    if not len(inner) or below.all():
        return offsets
    rows = graph_laplacian(adjacency(body.faces.cpu().numpy(), len(offsets)))[inner]
    return harmonic(offsets, rows, inner)
