"""Plain, plausible colours where no frame looks into a face: eyeballs behind their lids, eye sockets, mouth, tongue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fit_avatar.appearance.atlas import Atlas, islands
from fit_avatar.body.face_points import FacePoints
from fit_avatar.body.model import Body
from fit_avatar.body.operators import connected_components

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class InteriorConfig:
    """What is painted where no frame looks. Colours relative to the skin's were chosen by hand."""

    bin_deg: float = 6.0
    """An eye's colours are told apart by the angle from its axis, in steps of this width."""
    white_deg: float = 36.0
    """From this angle on an eye is white; the iris ends at 24 degrees (Gray's Anatomy: 12 mm of a globe of 24 mm)."""
    min_texels: int = 3
    """Seen texels that a step needs at least."""
    white: tuple[float, float, float] = (1.2, 1.17, 1.14)
    """The white of an eye that no frame shows: red, green and blue times the skin's grey value."""
    socket: float = 0.7
    """Eye sockets: times the colour of the skin around them."""
    mouth: tuple[float, float, float] = (0.42, 0.26, 0.26)
    """The inside of the mouth: times the colour of the skin around it."""
    tongue: tuple[float, float, float] = (0.82, 0.62, 0.62)
    """The tongue, likewise."""
    around_m: float = 0.008
    """The skin around a part of the face's inside is what is so near to it on the default body …"""
    reach_m: float = 0.05
    """… or the nearest, which is looked for so far from all of these parts."""


INTERIOR = InteriorConfig()


def interior(body: Body, points: FacePoints) -> BoolArray:
    """Return which triangles lie inside the face, on UV islands of their own: eyes and their sockets, the mouth. [F]"""
    label, faces = islands(body), body.faces.cpu().numpy()
    on_face = body.part("face").cpu().numpy() if "face" in body.part_names else np.zeros(len(body.template))
    share = np.where(body.skin.cpu().numpy(), on_face, 1)[faces].mean(axis=1)
    island_share = np.bincount(label, share) / np.maximum(np.bincount(label), 1)
    outer = np.bincount(label[np.isin(faces, points.corners).all(axis=1)], minlength=label.max() + 1)
    return np.asarray((island_share > 0.5)[label] & (label != outer.argmax()))


def fill_interior(
    body: Body, inside: BoolArray, atlas: Atlas, colours: FloatArray, seen: BoolArray, config: InteriorConfig = INTERIOR
) -> FloatArray:
    """Return the colours of a texture [N, 3] with the unseen parts of the face's inside painted.

    Args:
        body: the body.
        inside: triangles inside the face, see :func:`interior`. [F]
        atlas: N texels.
        colours: [N, 3] 0 to 255
        seen: which of these a frame shows. [N]
        config: what is painted.
    """
    template, faces = body.template.cpu().numpy(), body.faces.cpu().numpy()
    out = colours.copy()
    piece = connected_components(faces, len(template))
    skin = body.skin.cpu().numpy()
    label = np.where(skin[faces[:, 0]], islands(body), -1 - piece[faces[:, 0]])  # islands of skin, and loose pieces
    places = atlas.interpolate(template)
    outside = np.flatnonzero(
        _around(inside, template, faces, config.reach_m)[atlas.arrays.face] & skin[faces[atlas.arrays.face, 0]]
    )
    tree, skin_colours = cKDTree(places[outside]), colours[outside]
    inner = np.flatnonzero(inside[atlas.arrays.face])
    label_of_inner = label[atlas.arrays.face[inner]]
    for each in np.unique(label[inside]):
        corners = np.unique(faces[inside & (label == each)])
        texels = inner[label_of_inner == each]
        hidden = texels[~seen[texels]]
        if not len(hidden):
            continue
        around = _colour_around(tree, template[corners], skin_colours, config.around_m)
        paired = abs(template[corners, 0].mean()) > config.around_m
        if not paired:
            tint = np.array(config.mouth if each >= 0 else config.tongue)
            out[hidden] = tint * around
        elif each >= 0:
            out[hidden] = config.socket * around
        else:
            out[hidden] = _eye(places, template[corners], texels, hidden, colours, seen, around, config)
    return np.asarray(out.clip(0, 255), dtype=np.float32)


def _eye(
    places: FloatArray,
    eye: FloatArray,
    texels: IntArray,
    hidden: IntArray,
    colours: FloatArray,
    seen: BoolArray,
    around: FloatArray,
    config: InteriorConfig,
) -> FloatArray:
    """Return the colours of an eye's hidden texels: those that are seen at the same angle from its axis. [n, 3]

    places [N, 3] of all texels on the default body, eye [E, 3] vertices, around [3] colour of the skin
    """
    away = places[texels] - eye.mean(axis=0)
    angle = np.degrees(np.arccos((away[:, 2] / np.maximum(np.linalg.norm(away, axis=1), 1e-9)).clip(-1, 1)))
    step = np.minimum(angle, config.white_deg) // config.bin_deg
    shown = seen[texels]
    white = np.array(config.white) * around.mean()
    last = int(config.white_deg // config.bin_deg)
    tints = np.tile(white, (last + 1, 1))
    known = [k for k in range(last + 1) if (shown & (step == k)).sum() >= config.min_texels]
    for k in range(last + 1):
        if known and (k < last or last in known):
            nearest = min(known, key=lambda other: abs(other - k))
            tints[k] = np.median(colours[texels][shown & (step == nearest)], axis=0)
    position = np.searchsorted(texels, hidden)
    at = (np.minimum(angle[position], config.white_deg) / config.bin_deg - 0.5).clip(0, last)
    return np.asarray(np.stack([np.interp(at, np.arange(last + 1), tints[:, c]) for c in range(3)], 1))


def _around(inside: BoolArray, template: FloatArray, faces: IntArray, reach: float) -> BoolArray:
    """Return which triangles [F] are not inside, and near those that are."""
    corners = template[faces]
    box = corners[inside].reshape(-1, 3)
    if not len(box):
        return ~inside
    near = (corners > box.min(axis=0) - reach) & (corners < box.max(axis=0) + reach)
    return np.asarray(~inside & near.all(axis=(1, 2)))


def _colour_around(tree: cKDTree, corners: FloatArray, colours: FloatArray, radius: float) -> FloatArray:
    """Return the median colour of the skin that is so near to a part's vertices [n, 3]; of the nearest, if none is."""
    distance, nearest = tree.query(corners, distance_upper_bound=radius)  # much quicker than one without a bound
    if not np.isfinite(distance).any():
        distance, nearest = tree.query(corners)
    near = nearest[distance <= max(radius, float(distance.min()) + 1e-6)]
    return np.asarray(np.median(colours[near], axis=0))
