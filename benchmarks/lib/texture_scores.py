"""How well a texture predicts frames that it was not made from, compared with the plain median of the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.appearance import Atlas, PersonCrop, push_pull, view_texels
from fit_avatar.body import Body, BodyState
from fit_avatar.body.face_points import face_points
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.capture import Capture, read_frames
from fit_avatar.evaluate import psnr, ssim
from fit_avatar.fitting import some_frames
from fit_avatar.texture import bake, relighting
from fit_avatar.texture.face import FACE_468
from fit_avatar.texture.face_warp import face_shift
from fit_avatar.visibility import FrameViews, rasterize
from lib.face_window import face_window
from lib.inputs import spread
from lib.true_clip import TrueClip

Image = NDArray[np.uint8]
FRAMES = 60
"""At most this many frames: every other one makes the texture, the ones between score it."""
SIZE = 1024
INSIDE_PX = 2
"""Only pixels this far inside both the mask and the drawn body are compared."""
_CHUNK = 1 << 15


def score_texture(body: Body, state: BodyState, capture: Capture, truth: TrueClip) -> dict[str, float]:
    """Return PSNR (dB) and SSIM in frames between those that the texture was made from.

    ``texture`` is drawn under the light that was estimated from those frames, ``unlit`` without light; ``median`` is
    the median colour of those frames at each texel. ``face`` is the first of these on the face alone, in the frames
    that show it from the front; ``aligned`` is the same after each frame has been moved onto the drawn face by the
    detector's points, so that it does not tell of the face's pose and shape. Without such frames both are left out.
    """
    chosen = spread(capture, FRAMES).frame_indices
    at = np.searchsorted(capture.frame_indices, chosen)
    (used, making), (unused, testing) = ((some_frames(capture, at[k::2]), _frames(state, at[k::2])) for k in (0, 1))
    made = FrameViews(body, making, used)
    texture = bake(body, making, used, _pictures(truth, used), SIZE, frame_views=made)
    median = median_texture(body, made, _pictures(truth, used))

    faces, shown = body.faces.cpu(), FrameViews(body, testing, unused)
    scores: dict[str, list[float]] = {}
    for t, (index, frame) in enumerate(_pictures(truth, unused)):
        light = torch.from_numpy(relighting(texture, body, shown.vertices[t].cpu().numpy()))
        raster = rasterize(shown.vertices[t].cpu(), faces, capture.camera, cull_backfaces=True)
        uv = raster.interpolate(body.uvs.cpu(), body.uv_faces.cpu()).numpy()
        lit = raster.interpolate(light, faces).numpy()
        inside = _inside(unused.masks[t] & raster.mask.numpy())
        drawn = {
            "texture": draw(texture.image, uv, lit),
            "unlit": draw(texture.image, uv),
            "median": draw(median, uv),
        }
        for name, image in drawn.items():
            image[~raster.mask.numpy()] = frame[~raster.mask.numpy()]  # windows at the border see the same behind it
            _compare(scores, name, image, frame, inside)
        window = face_window(truth, index)
        if window is not None and (window & inside).any():
            _compare(scores, "face", drawn["texture"], frame, window & inside)
            posed = shown.vertices[t].cpu().numpy()
            moved = onto_face(body, posed, unused, t, window, frame, unused.masks[t].astype(np.uint8))
            if moved is not None:
                pixels = _inside((moved[1] > 0) & raster.mask.numpy()) & window
                drawn["texture"][~raster.mask.numpy()] = moved[0][~raster.mask.numpy()]
                _compare(scores, "aligned", drawn["texture"], moved[0], pixels)
    return {name: float(np.mean(values)) for name, values in scores.items()}


def onto_face(
    body: Body, vertices: NDArray[np.float32], capture: Capture, t: int, window: NDArray[np.bool_], *pictures: Image
) -> list[Image] | None:
    """Return pictures of frame t, the face moved to where the fit has it by the detector's points; None without them.

    vertices [V, 3] of that frame; window [H, W] marks the pixels that are moved.
    """
    points, found = face_points(body), capture.point_sets.get(FACE_468)
    if points is None or found is None:
        return None
    rows, columns = np.nonzero(window)
    places = np.stack([columns, rows], 1).astype(np.float32) + 0.5
    shift = face_shift(points.features(), found[t], vertices, body.faces.cpu().numpy(), capture.camera, places)
    if shift is None:
        return None
    row, column = np.indices(window.shape, dtype=np.float32)
    column[rows, columns] += shift[:, 0]
    row[rows, columns] += shift[:, 1]
    return [np.asarray(cv2.remap(picture, column, row, cv2.INTER_LINEAR), np.uint8) for picture in pictures]


def median_texture(body: Body, frame_views: FrameViews, frames: Iterator[tuple[int, Image]]) -> Image:
    """Return the median colour of every texel over the frames that see it (Alldieck et al. 2018). [S, S, 3] RGB"""
    atlas, vertices = Atlas.of(body, SIZE), frame_views.vertices
    normals = vertex_normals(vertices, body.faces)
    camera, values = frame_views.capture.camera, []
    for t, (_, frame) in enumerate(frames):
        texels = view_texels(atlas, slice(None), frame_views.view(t), camera, vertices[t], normals[t])
        colours = PersonCrop.of(frame, frame_views.capture.masks[t], vertices.device).colours_at(texels.pixels)
        colours[(texels.confidence <= 0) | (texels.cosine < 0.3)] = torch.nan
        values.append(colours.half().cpu().numpy())
    every = np.stack(values)
    known = np.isfinite(every[..., 0]).any(0)
    mean = np.zeros((len(known), 3), np.float32)
    for start in range(0, len(known), _CHUNK):
        part = np.flatnonzero(known[start : start + _CHUNK]) + start
        mean[part] = np.nanmedian(every[:, part].astype(np.float32), axis=0)
    image = push_pull(atlas.to_image(mean), atlas.to_image(known[:, None].astype(np.float32))[..., 0] > 0)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def draw(texture: Image, uv: NDArray[np.float32], light: NDArray[np.float32] | None = None) -> Image:
    """Return a frame's picture from texture coordinates and light at its pixels. [H, W, 3] BGR"""
    places = (uv * [1, -1] + [0, 1]) * len(texture) - 0.5
    colours = cv2.remap(texture, places.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lit = colours if light is None else colours * light
    return np.clip(lit[..., ::-1] + 0.5, 0, 255).astype(np.uint8)


def _compare(scores: dict[str, list[float]], name: str, image: Image, frame: Image, pixels: NDArray[np.bool_]) -> None:
    scores.setdefault(f"{name}_psnr", []).append(psnr(image, frame, pixels))
    scores.setdefault(f"{name}_ssim", []).append(ssim(image, frame, pixels))


def _inside(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * INSIDE_PX + 1,) * 2)
    return cv2.erode(mask.astype(np.uint8), disc, borderValue=0) > 0


def _frames(state: BodyState, chosen: NDArray[np.int64]) -> BodyState:
    """Return the poses of some frames."""
    names = ("global_orient", "body_pose", "transl", "expression")
    parts: dict[str, Any] = {name: value[chosen] for name in names if (value := getattr(state, name)) is not None}
    return replace(state, **parts)


def _pictures(truth: TrueClip, capture: Capture) -> Iterator[tuple[int, Image]]:
    yield from read_frames(truth.folder / "video.mp4", capture.frame_indices.tolist())
