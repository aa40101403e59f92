"""Terms that compare the posed body with the image: keypoints and outlines.

Residuals are in pixels, or in metres at the person's distance where ``in_metres`` is set: noise in metres does not
depend on the size of the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from fit_avatar.body.constants import numbers
from fit_avatar.body.hair import may_have_hair_beside
from fit_avatar.body.hands import spread_denser_at_hands
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.skinning import blend
from fit_avatar.capture.types import Camera
from fit_avatar.energies.kernel import Annealed, Value, value_at
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.projection import inside_image, metres_per_pixel, scaled
from fit_avatar.energies.term import energy
from fit_avatar.errors import BadInputError
from fit_avatar.io.threads import in_threads
from fit_avatar.silhouettes import ContourMatches, Contours, crosses_outline, match_contours

# -- keypoints ------------------------------------------------------------------------------------------------


def _keypoint_unit(
    x: PosedBody,
    camera: Camera,
    in_metres: bool = False,
    in_noise: bool = False,
    keypoint_noise_m: Tensor | float = 0.03,
    by_view: bool = False,
    keypoint_views: Tensor | None = None,
) -> Mapping[str, Any]:
    """Make the size of a pixel, in metres or in units of the detector's noise, and how far the view moves points."""
    size = metres_per_pixel(x, camera) if in_metres or in_noise else None
    if in_noise and size is not None:
        size = size / keypoint_noise_m
    moved = x.view.moved(keypoint_views) if by_view and keypoint_views is not None else None
    return {"pixel_size": size, "moved": moved}


@energy(
    vector=True,
    observes=("keypoints", "camera", "keypoint_noise_m", "keypoint_views"),
    reads=PosedBody.read_keypoints,
    prepare=_keypoint_unit,
    makes=("pixel_size", "moved"),
    keypoints="T K 3",
)
def keypoint_reprojection(
    points: Tensor,
    keypoints: Tensor,
    camera: Camera,
    pixel_size: Tensor | None = None,
    only: Sequence[str] = (),
    without: Sequence[str] = (),
    moved: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Projected minus detected keypoints, with the detector's confidence.

    Args:
        points: the body's keypoints. [..., T, K, 3]
        keypoints: BODY_25, (u, v, confidence). [..., T, K, 3]
        camera: the camera.
        pixel_size: made by the preparation where ``in_metres`` is set; or ``in_noise``, for residuals in units of the
            detector's noise ``keypoint_noise_m``.
        only: names of the keypoints that alone count, by default all.
        without: names of keypoints that do not.
        moved: made by the preparation where ``by_view`` is set and ``keypoint_views`` are known: how far from its usual
            place the side that is shown lets the detector see each keypoint
            (:func:`fit_avatar.body.keypoint_offsets.usual_views`). [..., T, K, 3] metres

    Returns:
        [..., T, K, 2] pixels, metres or units of noise, and the confidence.

    Source: Bogo et al. 2016 (SMPLify), section 3.2.
    """
    seen = points if moved is None else points + moved
    residual = camera.project(seen) - keypoints[..., :2]
    counted = numbers(_counted(tuple(only), tuple(without)), keypoints)
    return scaled(residual, pixel_size), keypoints[..., 2] * counted


@cache
def _counted(only: tuple[str, ...], without: tuple[str, ...]) -> tuple[float, ...]:
    """Return 1 for the keypoints that count, 0 for the others. [K]"""
    for name in (*only, *without):
        if name not in BODY_25:
            raise BadInputError(f"there is no keypoint {name!r}; there are {', '.join(BODY_25)}")
    return tuple(float((not only or name in only) and name not in without) for name in BODY_25)


# -- outlines -------------------------------------------------------------------------------------------------


FEWEST_BEYOND, SOME_GAPS = 3, 0.1
"""Hair hangs where a frame has so many matches beyond a gap, in more than this share of the frames: they had it in 0.15
to 0.2 of them with a ponytail, 0.35 to 0.7 with a hat, and at most 0.03 on five clips without gaps beside the neck."""
MATCHED_FRAMES = 8
"""Frames that are matched at once: what is needed for more does not stay in a CPU's cache."""


@dataclass(frozen=True)
class OutlineMatch:
    """For every outline point the vertex that it pulls; fixed while one step is made."""

    contours: Contours  # C points a frame
    vertices: Tensor  # [..., T, C] int64
    confidence: Tensor  # [..., T, C] 0 where nothing agrees


def _match_and_unit(
    x: PosedBody,
    contours: Contours,
    camera: Camera,
    progress: float = 0.0,
    in_metres: bool = False,
    gate_m: Value = Annealed(0.15, 0.05),  # noqa: B008 (frozen)
    rim: int = 700,
    stride: int = 2,
    spacing_m: float = 0.015,
    hat: Tensor | None = None,
    outline_offsets: Tensor | None = None,
    hand_spacing_m: float | None = None,
) -> Mapping[str, Any]:
    """Match the outlines (every ``stride``-th point of them) to the rim, and make the size of a pixel.

    A hat's outline pulls nothing: it is higher and wider than a head, and tipped two heads by 6 and 10°. Where the
    shape does not follow the outlines everywhere, the surface that does (``outline_offsets``) is matched, and
    ``moved`` is how far it lies from the shape. ``hand_spacing_m``: vertices of hands are so dense; None: as others.
    """
    size = metres_per_pixel(x, camera)
    follows = x if outline_offsets is None else x.with_offsets(outline_offsets)
    gate_px, points = value_at(gate_m, progress) / size, contours.every(stride)
    match = match_outlines(follows, points, camera, gate_px, rim, spacing_m, hand_spacing_m=hand_spacing_m)
    if hat is not None and hat.any():
        match = replace(match, confidence=match.confidence * ~hat[..., ::stride])
    moved = None
    if follows is not x:
        moved = follows.read_vertices(match.vertices).posed - x.read_vertices(match.vertices).posed
    return {"match": match, "pixel_size": size if in_metres else None, "moved": moved}


def _matched_vertices(x: PosedBody, match: OutlineMatch) -> PosedPoints:
    return x.read_vertices(match.vertices)


@energy(
    observes=("contours", "camera", "hat", "outline_offsets"),
    reads=_matched_vertices,
    prepare=_match_and_unit,
    makes=("match", "pixel_size", "moved"),
)
def contour_distance(
    points: Tensor,
    match: OutlineMatch,
    camera: Camera,
    pixel_size: Tensor | None = None,
    inside_looseness: float = 1.0,
    moved: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Distance of rim vertices from their outline points along the outline's normal, positive outside.

    A body without clothes is inside the outline rather than on it, so the residual is divided by
    ``inside_looseness`` there. points, and moved, which is made by the preparation, [..., T, C, 3] → [..., T, C] pixels
    or metres

    A shape that holds the face within hair is not where the outlines are. ``outline_offsets`` are those of the shape
    before it, which follows them everywhere, and its rim is compared; else a head would be turned towards the hair.

    Source: after Alldieck et al. 2018, section 3.1, without a renderer.
    """
    rim = points if moved is None else points + moved
    distance = ((camera.project(rim) - match.contours.points) * match.contours.normals).sum(-1)
    distance = torch.where(distance < 0, distance / inside_looseness, distance)
    return scaled(distance[..., None], pixel_size)[..., 0], match.confidence


def match_outlines(
    x: PosedBody,
    contours: Contours,
    camera: Camera,
    gate_px: Tensor,
    rim: int,
    spacing_m: float,
    hair_slide_px: Tensor | None = None,
    hand_spacing_m: float | None = None,
) -> OutlineMatch:
    """Match every outline point to a rim vertex of the posed surface; outside of the picture none has any weight.

    Nor, where hair hangs, has a match of head or neck with an outline beyond a gap: a ponytail pulled the face of a
    head to the back of it. Hair hangs in clips in which enough frames show such matches. Limbs are left alone: one that
    is off by its width crosses its own outline.

    Args:
        x: the posed body.
        contours: outlines [..., T, C].
        camera: the camera.
        gate_px: largest distance of a match. [..., T]
        rim: candidates in a frame.
        spacing_m: vertices are thinned to about one per this distance; 0 uses all.
        hair_slide_px: largest distance of a match along the outline at head and neck, where hair hangs. [..., T]
        hand_spacing_m: the same as ``spacing_m`` at hands, with more candidates in proportion; None: as elsewhere.
    """
    chosen = x.body.spread_vertices(spacing_m)
    if hand_spacing_m is not None:
        usual, chosen = len(chosen), spread_denser_at_hands(x.body, spacing_m, hand_spacing_m)
        rim = round(rim * len(chosen) / usual)
    surface, frames = x.surface.detach(), x.joints.shape[:-2]
    read = x.read_vertices(chosen)
    linear, shift = blend(x.skeleton, read.points.weights)
    at_once = in_threads if surface.device.type == "cpu" else map
    each = at_once(lambda one: vertex_normals(one, x.body.faces)[chosen], surface.flatten(0, -3))
    normals = torch.stack(list(each)).unflatten(0, surface.shape[:-2])
    vertices = ((linear @ read.rest[..., None])[..., 0] + shift).detach().flatten(0, -3)
    turned = torch.nn.functional.normalize((linear @ normals[..., None])[..., 0], dim=-1).detach().flatten(0, -3)
    outlines = (contours.points, contours.normals, contours.weights[..., None])
    points, outward, weights = (a.expand(*frames, *a.shape[-2:]).flatten(0, -3) for a in outlines)
    flat = Contours(points, outward, weights[..., 0])
    gates = gate_px.flatten()

    def match(part: Tensor) -> ContourMatches:
        """Match some frames, which do not depend on the others."""
        pixels = camera.project(vertices[part])
        return match_contours(pixels, vertices[part], turned[part], flat.frames(part), gates[part], rim)

    parts = torch.split(torch.arange(len(vertices), device=vertices.device), MATCHED_FRAMES)
    found = list(at_once(match, parts))
    place = torch.cat([m.vertices for m in found])
    matched = vertices.gather(1, place[..., None].expand(*place.shape, 3))
    ends, hair = camera.project(matched), may_have_hair_beside(x.body)[chosen[place]]
    seen = torch.cat([m.weights for m in found]) * inside_image(ends, camera)
    slide_px = None if hair_slide_px is None else hair_slide_px.flatten()[:, None]
    seen = seen * ~_of_hair(ends, flat, hair & (seen > 0), frames, slide_px)
    return OutlineMatch(contours, chosen[place].unflatten(0, frames), seen.unflatten(0, frames))


def _of_hair(ends: Tensor, contours: Contours, asked: Tensor, frames: torch.Size, slide_px: Tensor | None) -> Tensor:
    """Return which matches of head and neck are with the outline of hair that hangs. bool [F, C]

    Args:
        ends: the matched vertices in the picture. [F, C, 2]
        contours: the outlines, of F frames.
        asked: matches of head and neck. [F, C]
        frames: how the F frames are those of clips. [..., T]
        slide_px: as for :func:`match_outlines`. [F, 1]
    """
    beyond = crosses_outline(ends, contours, asked)
    gaps = (beyond.sum(-1) >= FEWEST_BEYOND).float().unflatten(0, frames).mean(-1)  # share of frames [...]
    hangs = (gaps > SOME_GAPS)[..., None].expand(*frames).flatten()[:, None]
    if slide_px is not None:
        (across, down), (right, below) = (contours.points - ends).unbind(-1), contours.normals.unbind(-1)
        beyond = beyond | (asked & ((across * below - down * right).abs() > slide_px))
    of_hair: Tensor = hangs & beyond
    return of_hair
