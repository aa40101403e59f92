"""From frames and a fitted body to one texture.

Geometry alone says which few frames show each part best. Then all frames are read once: their coarse colours give
light, exposures and the mean texture, and the few key frames are kept and painted from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from fit_avatar.appearance.atlas import Atlas, islands
from fit_avatar.appearance.light import Light
from fit_avatar.appearance.mean_texture import resize_square
from fit_avatar.appearance.person_crop import PersonCrop
from fit_avatar.appearance.robust_mean import robust_mean
from fit_avatar.body.face_points import face_points
from fit_avatar.body.mesh import vertex_areas
from fit_avatar.body.model import Body
from fit_avatar.body.operators import smoothed
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture
from fit_avatar.io.memory import return_free_memory
from fit_avatar.io.threads import in_threads
from fit_avatar.texture.clip import ClipGeometry, ClipLighting, ClipSamples, Tick
from fit_avatar.texture.config import TEXTURE, TextureConfig
from fit_avatar.texture.detail import KeyFrame, paint_detail
from fit_avatar.texture.face import FacePainter
from fit_avatar.texture.hands import hand_outliers
from fit_avatar.texture.inpaint import Origin, inpaint_unseen, pad_islands
from fit_avatar.texture.relief import Relief, find_relief
from fit_avatar.texture.texels import nearest_inside
from fit_avatar.texture.view_selection import select_key_frames, select_portrait, select_views
from fit_avatar.visibility.frame_views import FrameViews

FloatArray = NDArray[np.float32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Texture:
    """A texture over the body's UVs; the first row is v = 1."""

    image: NDArray[np.uint8]  # [S, S, 3] RGB
    coverage: FloatArray  # [S, S] summed quality of the samples behind each texel; 0 = not seen by any frame
    origin: NDArray[np.uint8]  # [S, S] where each colour comes from, see Origin
    key_frames: tuple[int, ...]
    """Frame indices that give the fine detail."""
    gains: FloatArray  # [T, 3] factor for each frame and RGB channel that evens out exposure and white balance
    light: Light
    """The light of the clip, in camera coordinates."""
    shading: FloatArray  # [V, 3] light that the image still holds, at each vertex
    relief: Relief | None = None
    """What the frames tell of folds, if that was asked for."""

    @property
    def seen_fraction(self) -> float:
        """Return the part of the islands' area that some frame sees."""
        return float((self.origin == Origin.SEEN).sum() / max(1, (self.origin > Origin.OUTSIDE).sum()))


def bake(
    body: Body,
    state: BodyState,
    capture: Capture,
    frames: Iterable[tuple[int, NDArray[np.uint8]]],
    size: int = 2048,
    progress: Progress | None = None,
    delight: bool = False,
    frame_views: FrameViews | None = None,
    config: TextureConfig = TEXTURE,
    relief: bool = False,
) -> Texture:
    """Paint the body's texture from a video.

    Args:
        body: the body.
        state: shape and the poses of the capture's T frames.
        capture: masks, camera and frame weights.
        frames: (frame index, BGR image [H, W, 3] uint8) of the capture's frames, undistorted, in any order;
            frames that the capture does not hold are skipped.
        size: texels along each side.
        progress: called with (steps done, steps in all).
        delight: remove the light as far as it was estimated, instead of keeping each part's mean shading.
        frame_views: what the frames show of the body, where others use it, too.
        config: settings of every step.
        relief: also read folds from the shading, for :func:`find_displacement`.

    Raises:
        BadInputError: a frame's size differs from the camera's, there is not one pose for each frame, or the body has
            no texture coordinates.
    """
    frame_views = frame_views or FrameViews(body, state, capture)
    tick = _counter(progress, 2 * len(capture.frame_indices) + 2)
    geometry = ClipGeometry.of(frame_views, tick)
    area, face = vertex_areas(frame_views.bind_vertices, body.faces.cpu().numpy()), _face(body)
    selection = config.view_selection
    portrait = select_portrait(geometry.vertices, geometry.normals, geometry.quality, area * face, selection)
    painter = FacePainter.of(body, face_points(body), geometry, capture, config.face)
    portrait = portrait if painter is None else next(iter(painter.rating))
    selected = select_key_frames(geometry.quality, area, portrait, selection)
    of_face = painter.rating if painter is not None and painter.aligns else ()
    kept = [*selected, *(t for t in of_face if t not in selected)]
    with ThreadPoolExecutor(1) as beside:
        enlarging = beside.submit(Atlas.of, body, size)  # which takes no picture
        samples = ClipSamples.of(body, geometry, capture, frames, size, kept, config, tick)
    return_free_memory()
    lighting = ClipLighting.of(geometry, samples, frame_views.neighbours, area if delight else None, config.light)
    mean = samples.mean.merge(lighting.factors)
    surface = geometry.normals, frame_views.neighbours
    folds = find_relief(body, state, samples.mean, *surface, config.relief) if relief else None
    crops = {t: crop for t, crop in samples.crops.items() if t in selected}
    key_frames = _key_frames(body, geometry, crops, lighting, capture, mean[0], config)
    tick()

    atlas = enlarging.result()
    colours, support = _enlarged(samples.mean.atlas, *mean, atlas)
    usual = _coarse_colours(geometry, samples, lighting, frame_views.neighbours, face, portrait, config)
    face_crops = {t: samples.crops[t] for t in of_face}
    painted_from = tuple(int(capture.frame_indices[t]) for t in key_frames)
    del samples, mean, crops  # what follows takes much memory by itself
    if key_frames:
        weights, corrections = _assign(key_frames, usual, frame_views.neighbours, face, portrait, config)
        weighted = weights, corrections, capture.camera
        colours, support = paint_detail(
            atlas, list(key_frames.values()), *weighted, colours, support, face, config.detail
        )
    del key_frames
    return_free_memory()
    rejected = _barely_seen(body, atlas, support > 0, config.min_island)
    rejected |= hand_outliers(body, atlas, colours, support, config.hands)
    support = np.where(rejected, 0, support).astype(np.float32)
    if painter is not None and painter.aligns:
        colours, support = painter.paint(atlas, geometry, capture, face_crops, lighting, colours, support)
    del geometry, face_crops
    return_free_memory()
    painted = colours
    colours, origin = inpaint_unseen(body, atlas, frame_views.neighbours, colours, support, config.inpainting)
    if painter is not None:
        colours = painter.fill(atlas, colours, painted, origin == Origin.SEEN)
    image = pad_islands(atlas.to_image(colours), atlas.inside, config.inpainting.padding_px)
    tick()
    return Texture(
        image=np.clip(image + 0.5, 0, 255).astype(np.uint8),
        coverage=atlas.to_image(support[:, None])[..., 0],
        origin=atlas.to_image(origin[:, None].astype(np.float32))[..., 0].astype(np.uint8),
        key_frames=painted_from,
        gains=lighting.gains,
        light=lighting.light,
        shading=lighting.shading,
        relief=folds,
    )


def _key_frames(
    body: Body,
    geometry: ClipGeometry,
    crops: dict[int, PersonCrop],
    lighting: ClipLighting,
    capture: Capture,
    mean: FloatArray,
    config: TextureConfig,
) -> dict[int, KeyFrame]:
    """Return the selected frames, aligned with the mean texture [s, s, 3]."""
    texture = np.clip(mean + 0.5, 0, 255).astype(np.uint8)

    def aligned(item: tuple[int, PersonCrop]) -> KeyFrame:
        t, crop = item
        surface = geometry.vertices[t], geometry.normals[t], geometry.pixels[t], geometry.quality[t]
        key_frame = KeyFrame(geometry.views[t], crop, *surface, lighting.factors[t])
        return key_frame.aligned(body, capture.camera, capture.masks[t], texture, config.detail)

    return dict(zip(crops, in_threads(aligned, crops.items()), strict=True))


def _coarse_colours(
    geometry: ClipGeometry,
    samples: ClipSamples,
    lighting: ClipLighting,
    neighbours: csr_matrix,
    face: FloatArray,
    portrait: int | None,
    config: TextureConfig,
) -> FloatArray:
    """Return each vertex's colour as all frames show it; on the face mostly as the portrait does. [V, 3]"""
    weight = samples.weight.copy()
    if portrait is not None:
        seen = np.minimum(geometry.quality[portrait] / config.view_selection.full_quality, 1)
        soft = smoothed(face, neighbours, config.portrait_rounds) * seen
        weight[portrait] += config.portrait_weight * weight.sum(axis=0) * soft
    return robust_mean(samples.coarse * lighting.factors, weight)


def _assign(
    key_frames: dict[int, KeyFrame],
    usual: FloatArray,
    neighbours: csr_matrix,
    face: FloatArray,
    portrait: int | None,
    config: TextureConfig,
) -> tuple[FloatArray, list[FloatArray]]:
    """Return the key frames' weights at the vertices [V, K] and their corrections K × [V, 3]. usual colours [V, 3]"""
    frames = list(key_frames.values())
    weights = select_views(
        np.stack([frame.quality for frame in frames]),
        np.stack([np.abs(frame.coarse - usual).mean(axis=1) for frame in frames]),
        np.stack([frame.crop.sharpness_at(frame.pixels) for frame in frames]),
        np.stack([frame.appearance for frame in frames]),
        neighbours,
        face,
        list(key_frames).index(portrait) if portrait in key_frames else None,
        config.view_selection,
    )
    return weights, [frame.correction(usual, neighbours, config.detail) for frame in frames]


def _enlarged(small: Atlas, mean: FloatArray, known: FloatArray, atlas: Atlas) -> tuple[FloatArray, FloatArray]:
    """Return colours [N, 3] and support [N] of an atlas's texels from those of the mean texture's, an image each."""
    outwards = nearest_inside(small.inside)  # at seams the large atlas reaches farther than the small one
    colours = resize_square(mean.reshape(-1, 3)[outwards], atlas.size).reshape(-1, 3)[atlas.texel]
    return colours, resize_square(known.ravel()[outwards], atlas.size, cv2.INTER_NEAREST).ravel()[atlas.texel]


def _face(body: Body) -> FloatArray:
    """Return 1 on the face and on loose components in it (eyes), else 0. [V]"""
    if "face" not in body.part_names:
        return np.zeros(len(body.template), np.float32)
    return np.where(body.skin.cpu(), body.part("face").cpu(), 1).astype(np.float32)


def _barely_seen(body: Body, atlas: Atlas, seen: NDArray[np.bool_], min_island: float) -> NDArray[np.bool_]:
    """Mark texels of islands of which only slivers are seen. [N]"""
    island = islands(body)[atlas.face]
    fraction = np.bincount(island, seen) / np.maximum(np.bincount(island), 1)
    return np.asarray(fraction[island] < min_island * seen.mean())


def _counter(progress: Progress | None, steps: int) -> Tick:
    """Return a function that reports one more step done."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(min(done, steps), steps)

    return tick
