"""From frames and a fitted body to one texture.

Geometry alone says which few frames show each part best. Then all frames are read once: their coarse colours give
light, exposures and the mean texture, and the few key frames are kept and painted from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor

from fit_avatar.appearance.atlas import Atlas, islands
from fit_avatar.appearance.light import Light
from fit_avatar.appearance.person_crop import PersonCrop, as_bytes, sample
from fit_avatar.appearance.robust_mean import robust_mean
from fit_avatar.body.averaging import Averaging
from fit_avatar.body.face_points import face_points
from fit_avatar.body.mesh import vertex_areas
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture
from fit_avatar.io.memory import return_free_memory
from fit_avatar.io.threads import in_threads, one_core, workers
from fit_avatar.texture.clip import ClipGeometry, ClipLighting, ClipSamples, Tick
from fit_avatar.texture.config import TEXTURE, TextureConfig
from fit_avatar.texture.detail import KeyFrame, paint_detail
from fit_avatar.texture.face import FacePainter
from fit_avatar.texture.hands import hand_outliers
from fit_avatar.texture.hanging_hair import hair_outliers
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


@one_core()
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
    area, face, averaging = vertex_areas(frame_views.bind_vertices, body.faces), _face(body), frame_views.averaging
    selection = config.view_selection
    portrait = select_portrait(geometry.vertices, geometry.normals, geometry.quality, area * face, selection)
    painter = FacePainter.of(body, face_points(body), geometry, capture, config.face)
    portrait = portrait if painter is None else next(iter(painter.rating))
    selected = select_key_frames(geometry.quality, area, portrait, selection)
    of_face = painter.rating if painter is not None and painter.aligns else ()
    kept = [*selected, *(t for t in of_face if t not in selected)]
    with workers(1) as beside:
        enlarging = beside.submit(Atlas.of, body, size)  # which takes no picture
        samples = ClipSamples.of(body, geometry, capture, frames, size, kept, config, tick)
    return_free_memory()
    lighting = ClipLighting.of(geometry, samples, averaging, area if delight else None, config.light)
    mean = samples.mean.merge(lighting.factors)
    folds = find_relief(body, state, samples.mean, geometry.normals, averaging, config.relief) if relief else None
    crops = {t: crop for t, crop in samples.crops.items() if t in selected}
    key_frames = _key_frames(body, geometry, crops, lighting, capture, mean[0], config)
    tick()

    atlas = enlarging.result()
    painted = _enlarged(samples.mean.atlas, *mean, atlas)
    if key_frames:
        usual = _coarse_colours(geometry, samples, lighting, averaging, face, portrait, config)
        weights = _assign(key_frames, usual, frame_views.neighbours, face, portrait, config)
        corrections = [frame.correction(usual, averaging, config.detail) for frame in key_frames.values()]
        assigned = list(key_frames.values()), weights, corrections
        painted = paint_detail(atlas, *assigned, capture.camera, *painted, face, config.detail)
        del assigned
    colours, support = (each.cpu().numpy() for each in painted)  # what follows is done once, on the CPU
    face_crops = {t: samples.crops[t] for t in of_face}
    shown = tuple(int(capture.frame_indices[t]) for t in key_frames)
    del samples, mean, crops, painted, key_frames  # what follows takes much memory by itself
    return_free_memory()
    rejected = _barely_seen(body, atlas, support > 0, config.min_island)
    rejected |= hand_outliers(body, atlas, colours, support, config.hands)
    rejected |= hair_outliers(body, atlas, colours, support, config.hanging_hair)
    support = np.where(rejected, 0, support).astype(np.float32)
    if painter is not None and painter.aligns:
        colours, support = painter.paint(atlas, geometry, capture, face_crops, lighting, colours, support)
    del geometry, face_crops
    return_free_memory()
    before = colours
    colours, origin = inpaint_unseen(body, atlas, frame_views.neighbours, colours, support, config.inpainting)
    if painter is not None:
        colours = painter.fill(atlas, colours, before, origin == Origin.SEEN)
    image = pad_islands(atlas.to_image(colours), atlas.arrays.inside, config.inpainting.padding_px)
    tick()
    return Texture(
        image=np.clip(image + 0.5, 0, 255).astype(np.uint8),
        coverage=atlas.to_image(support[:, None])[..., 0],
        origin=atlas.to_image(origin[:, None].astype(np.float32))[..., 0].astype(np.uint8),
        key_frames=shown,
        gains=lighting.gains.cpu().numpy(),
        light=lighting.light,
        shading=lighting.shading.cpu().numpy(),
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
    texture = as_bytes(torch.from_numpy(mean).to(geometry.pixels.device))

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
    averaging: Averaging,
    face: Tensor,
    portrait: int | None,
    config: TextureConfig,
) -> Tensor:
    """Return each vertex's colour as all frames show it; on the face mostly as the portrait does. [V, 3]"""
    weight = samples.weight.clone()
    if portrait is not None:
        seen = (geometry.quality[portrait] / config.view_selection.full_quality).clamp_max(1)
        soft = averaging.smoothed(face, config.portrait_rounds) * seen
        weight[portrait] += config.portrait_weight * weight.sum(0) * soft
    return robust_mean((samples.coarse * lighting.factors).transpose(1, 2), weight).T


def _assign(
    key_frames: dict[int, KeyFrame],
    usual: Tensor,
    neighbours: csr_matrix,
    face: Tensor,
    portrait: int | None,
    config: TextureConfig,
) -> Tensor:
    """Return the key frames' weights at the vertices, which seams are laid for on the CPU. [V, K]

    usual colours [V, 3]
    """
    frames = list(key_frames.values())
    quality, residual, sharpness, appearance = (
        torch.stack(each).cpu().numpy()
        for each in (
            [frame.quality for frame in frames],
            [(frame.coarse - usual).abs().mean(1) for frame in frames],
            [frame.crop.sharpness_at(frame.pixels) for frame in frames],
            [frame.appearance for frame in frames],
        )
    )
    at = list(key_frames).index(portrait) if portrait in key_frames else None
    shown = quality, residual, sharpness, appearance, neighbours, face.cpu().numpy(), at
    return torch.from_numpy(select_views(*shown, config.view_selection)).to(usual.device)


def _enlarged(small: Atlas, mean: FloatArray, known: FloatArray, atlas: Atlas) -> tuple[Tensor, Tensor]:
    """Return colours [N, 3] and support [N] of an atlas's texels from those of the mean texture's, an image each."""
    outwards = nearest_inside(small.arrays.inside)  # at seams the large atlas reaches farther than the small one
    image, support = (
        torch.from_numpy(a.reshape(small.size**2, -1)[outwards]).to(atlas.texel.device) for a in (mean, known)
    )
    texel, scale = atlas.texel.int(), small.size / atlas.size
    row = torch.div(texel, atlas.size, rounding_mode="floor")
    across, down = ((index.float() + 0.5) * scale for index in (texel - row * atlas.size, row))
    nearest = (down.floor() * small.size + across.floor()).long()
    return sample(image, torch.stack([across, down], 1)), support.flatten().index_select(0, nearest)


def _face(body: Body) -> Tensor:
    """Return 1 on the face and on loose components in it (eyes), else 0. [V]"""
    if "face" not in body.part_names:
        return torch.zeros_like(body.template[:, 0])
    return torch.where(body.skin, body.part("face"), 1.0).float()


def _barely_seen(body: Body, atlas: Atlas, seen: NDArray[np.bool_], min_island: float) -> NDArray[np.bool_]:
    """Mark texels of islands of which only slivers are seen. [N]"""
    island = islands(body)[atlas.arrays.face]
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
