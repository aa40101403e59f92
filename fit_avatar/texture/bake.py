"""From frames and a fitted body to one texture.

Geometry alone says which few frames see each part best. Then the frames stream by once: all give their coarse colours,
from which light, exposures and a first texture are solved, and the few are kept and painted from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.appearance.atlas import Atlas, islands
from fit_avatar.appearance.light import NORMAL_ROUNDS, Light, solve_light, usual_shading
from fit_avatar.appearance.mean_texture import FRAMES, SIZE, MeanTexture, enlarge
from fit_avatar.appearance.picture import Picture
from fit_avatar.appearance.robust_mean import robust_mean
from fit_avatar.body.mesh import vertex_areas, vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.operators import smoothed
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture
from fit_avatar.texture.choose import ENOUGH, choose, find_portrait, key_frames
from fit_avatar.texture.detail import KeyFrame, paint_detail
from fit_avatar.texture.fill import SEEN, fill_unseen, nearest_inside, surround
from fit_avatar.texture.hands import foreign_on_hands
from fit_avatar.visibility.frame_views import FrameViews
from fit_avatar.visibility.views import View, facing, project, quality

FloatArray = NDArray[np.float32]
Progress = Callable[[int, int], None]

PORTRAIT = 4.0
"""How much the portrait counts in the face's coarse colour, against all others together."""
SOFT_ROUNDS = 3
"""Rounds of smoothing of the border between the two."""
GLIMPSE = 0.3
"""An island is filled whole if less of it is seen than this part of what is seen of the body."""


@dataclass(frozen=True)
class Texture:
    """A texture over the body's UVs; the first row is v = 1."""

    image: NDArray[np.uint8]  # [S, S, 3] RGB
    coverage: FloatArray  # [S, S] summed quality of the samples behind each texel; 0 = not seen by any frame
    origin: NDArray[np.uint8]  # [S, S] 0 outside the islands, 1 seen, 2 mirrored, 3 continued from around
    key_frames: tuple[int, ...]
    """Frame indices that give the fine detail."""
    gains: FloatArray  # [T, 3] factor for each frame and RGB channel that evened out exposure and white balance
    light: Light
    """The light of the clip, in camera coordinates."""
    shading: FloatArray  # [V, 3] light that the image still holds, at each vertex

    @property
    def seen_fraction(self) -> float:
        """Return the part of the islands' area that some frame saw."""
        return float((self.origin == SEEN).sum() / max(1, (self.origin > 0).sum()))


@dataclass(frozen=True)
class _Geometry:
    """What the fit alone says about each frame."""

    views: list[View]
    vertices: FloatArray  # [T, V, 3]
    normals: FloatArray  # [T, V, 3]
    pixels: FloatArray  # [T, V, 2]
    cosine: FloatArray  # [T, V]
    quality: FloatArray  # [T, V]


def bake(
    body: Body,
    state: BodyState,
    capture: Capture,
    frames: Iterable[tuple[int, NDArray[np.uint8]]],
    size: int = 2048,
    progress: Progress | None = None,
    delight: bool = False,
    frame_views: FrameViews | None = None,
) -> Texture:
    """Paint the body's texture from a video.

    Args:
        body: the body.
        state: shape and the poses of the capture's T frames.
        capture: masks, camera and frame weights.
        frames: (frame index, BGR image [H, W, 3] uint8) of the capture's frames, undistorted, in any order;
            frames that the capture does not hold are passed over.
        size: texels along each side.
        progress: called with (steps done, steps in all).
        delight: take the light out as far as it was estimated, instead of keeping each part's usual shading.
        frame_views: what the frames show of the body, where others have use for it, too.

    Raises:
        ValueError: a frame's size differs from the camera's.
    """
    num_frames = len(capture.frame_indices)
    tick = _counter(progress, 2 * num_frames + 2)
    faces = body.faces.cpu().numpy()
    frame_views = frame_views or FrameViews(body, state, capture)
    neighbours, bind = frame_views.neighbours, frame_views.bind_vertices
    seen = _look_at_all(frame_views, tick)

    area, face = vertex_areas(bind, faces), _face(body)
    portrait = find_portrait(seen.vertices, seen.normals, seen.quality, area * face)
    keys = key_frames(seen.quality, area, portrait)

    first = MeanTexture(Atlas.of(body, min(size, SIZE)))
    averaged = {int(t) for t in np.linspace(0, num_frames - 1, min(num_frames, FRAMES)).round()}
    coarse = np.zeros((num_frames, len(bind), 3), np.uint8)
    pictures: dict[int, Picture] = {}
    position = {int(index): t for t, index in enumerate(capture.frame_indices)}
    for index, bgr in frames:
        if int(index) not in position:
            continue
        t = position.pop(int(index))
        if bgr.shape[:2] != (capture.camera.height, capture.camera.width):
            found, wanted = bgr.shape[1::-1], (capture.camera.width, capture.camera.height)
            raise ValueError(f"frame {index} is {found} pixels where the camera has {wanted}")
        picture = Picture.of(bgr, capture.masks[t])
        coarse[t] = picture.smooth_at(seen.pixels[t])
        if t in averaged:
            first.add(t, seen.views[t], picture, capture.camera, seen.vertices[t], seen.normals[t])
        if t in keys:
            pictures[t] = picture
        tick()

    weight = _coarse_weight(seen.quality, seen.cosine)
    weight[list(position.values())] = 0
    lit = smoothed(seen.normals.transpose(1, 0, 2), neighbours, NORMAL_ROUNDS).transpose(1, 0, 2)
    light, gains = solve_light(coarse, lit, weight)
    shading = usual_shading(light, lit, seen.cosine)
    if delight:
        shading[:] = (area @ shading) / area.sum()
    factors = np.stack([gains[t] * shading / light.shading(lit[t]) for t in range(num_frames)])

    rough, known = first.merge(factors)
    keys = [t for t in keys if t in pictures]
    texture = np.clip(rough + 0.5, 0, 255).astype(np.uint8)
    painters = [
        KeyFrame(
            seen.views[t], pictures[t], seen.vertices[t], seen.normals[t], seen.pixels[t], seen.quality[t], factors[t]
        ).aligned(body, capture.camera, capture.masks[t], texture)
        for t in keys
    ]
    tick()
    if portrait is not None:
        soft = smoothed(face, neighbours, SOFT_ROUNDS) * np.minimum(seen.quality[portrait] / ENOUGH, 1)
        weight[portrait] += PORTRAIT * weight.sum(axis=0) * soft
    usual = robust_mean(coarse * factors, weight)
    atlas = Atlas.of(body, size)
    outwards = nearest_inside(first.atlas.inside)  # at seams the large atlas reaches farther than the small one
    colours = enlarge(rough.reshape(-1, 3)[outwards], size).reshape(-1, 3)[atlas.texel]
    support = enlarge(known.ravel()[outwards], size, cv2.INTER_NEAREST).ravel()[atlas.texel]
    if painters:
        shares = choose(
            np.stack([p.quality for p in painters]),
            np.stack([np.abs(p.smooth - usual).mean(axis=1) for p in painters]),
            np.stack([p.picture.energy_at(p.pixels) for p in painters]),
            np.stack([p.appearance for p in painters]),
            neighbours,
            face,
            keys.index(portrait) if portrait in keys else None,
        )
        corrections = [p.correction(usual, neighbours) for p in painters]
        colours, support = paint_detail(atlas, painters, shares, corrections, capture.camera, colours, support, face)

    doubtful = _glimpsed(body, atlas, support > 0) | foreign_on_hands(body, atlas, colours, support)
    support = np.where(doubtful, 0, support).astype(np.float32)
    colours, origin = fill_unseen(body, atlas, neighbours, colours, support)
    image = surround(atlas.paint(colours), atlas.inside)
    tick()
    return Texture(
        image=np.clip(image + 0.5, 0, 255).astype(np.uint8),
        coverage=atlas.paint(support[:, None])[..., 0],
        origin=atlas.paint(origin[:, None].astype(np.float32))[..., 0].astype(np.uint8),
        key_frames=tuple(int(capture.frame_indices[t]) for t in keys),
        gains=gains,
        light=light,
        shading=shading,
    )


def _look_at_all(frame_views: FrameViews, tick: Callable[[], None]) -> _Geometry:
    """Find what each frame sees of the body."""
    capture, faces = frame_views.capture, frame_views.body.faces.cpu().numpy()
    vertices = frame_views.vertices.cpu().numpy()
    normals = vertex_normals(vertices, faces)
    cosine = facing(vertices, normals)
    pixels = np.zeros((*vertices.shape[:2], 2), np.float32)
    scores = np.zeros(vertices.shape[:2], np.float32)
    reference = float(np.median(vertices[..., 2]))
    views: list[View] = []
    for t in range(len(vertices)):
        views.append(frame_views.view(t))
        pixels[t], depth = project(vertices[t], capture.camera)
        scores[t] = quality(views[t], pixels[t], depth, cosine[t], reference) * capture.frame_weights[t]
        tick()
    return _Geometry(views, vertices, normals, pixels, cosine, scores)


def _coarse_weight(quality: FloatArray, cosine: FloatArray) -> FloatArray:
    """Return the weight of the frames' coarse colours: less for the steepness of the view than in the detail. [T, V]

    What matters in light and colour is that the texture looks right from everywhere, not how sharp it is.
    """
    return np.asarray(quality / np.maximum(cosine, 0.1) ** 2, dtype=np.float32)


def _face(body: Body) -> FloatArray:
    """Return 1 on the face and what lies loose in it (eyes), else 0. [V]"""
    if "face" not in body.part_names:
        return np.zeros(len(body.template), np.float32)
    return np.where(body.skin.cpu(), body.part("face").cpu(), 1).astype(np.float32)


def _glimpsed(body: Body, atlas: Atlas, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark texels of islands of which only slivers are seen: what shows of a mouth is the lips, misplaced. [N]"""
    island = islands(body)[atlas.face]
    fraction = np.bincount(island, seen) / np.maximum(np.bincount(island), 1)
    return np.asarray(fraction[island] < GLIMPSE * seen.mean())


def _counter(progress: Progress | None, steps: int) -> Callable[[], None]:
    """Return a function that reports one more step done."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(min(done, steps), steps)

    return tick
