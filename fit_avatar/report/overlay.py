"""The fitted surface drawn over the video."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.io.threads import in_threads
from fit_avatar.io.video import video_file
from fit_avatar.progress import StepProgress
from fit_avatar.visibility.raster import visible_faces

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class OverlayConfig:
    """Appearance of the overlay. All values are chosen by hand."""

    long_side_px: int = 960
    """Larger frames are shrunk to this."""
    averaged_below: float = 0.67
    """Frames that are shrunk by a smaller factor are averaged, which takes six times as long as interpolation."""
    opacity: float = 0.55
    """Of the surface over the frame, in [0, 1]."""
    surface_bgr: tuple[float, float, float] = (255.0, 200.0, 150.0)
    """Colour of the surface in full light, 0 to 255."""
    contour_bgr: tuple[int, int, int] = (60, 220, 255)
    """Colour of the contour, 0 to 255."""
    contour_width: float = 1 / 540
    """Width of the contour as a fraction of the frame's longer side; at least a pixel."""
    light: tuple[float, float, float] = (-0.4, -0.6, -0.7)
    """Direction towards the light in camera coordinates: above the camera, to its left."""
    ambient: float = 0.3
    """Brightness of what faces away from the light, in [0, 1]."""
    sliver_px2: float = 1e-3
    """Triangles whose doubled area is smaller, in square pixels, are drawn in one brightness."""


OVERLAY = OverlayConfig()


def write_overlay(
    path: Path,
    body: Body,
    state: BodyState,
    capture: Capture,
    frames: Iterable[tuple[int, Frame]],
    progress: StepProgress | None = None,
    config: OverlayConfig = OVERLAY,
) -> Path:
    """Write an MP4 of the fitted frames with the surface drawn over them, at the speed of the original.

    Args:
        path: of the video.
        body: the body.
        state: shape and the poses of the capture's T frames.
        capture: its camera, frame indices and frame rate are used.
        frames: (frame index, BGR image) of the capture's frames, undistorted; few are held in memory at a time.
        progress: called with (frames done, number of frames).
        config: appearance.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
        MissingDependencyError: PyAV is not installed.
    """
    indices = [int(index) for index in capture.frame_indices]
    position = {index: t for t, index in enumerate(indices)}
    scale = min(1.0, config.long_side_px / max(capture.camera.width, capture.camera.height))
    camera = capture.camera.resized(scale)
    shrinking = cv2.INTER_AREA if scale < config.averaged_below else cv2.INTER_LINEAR
    with torch.no_grad():
        posed = pose_body(body, state).vertices

    def drawn(item: tuple[int, Frame]) -> Frame:
        index, frame = item
        if scale < 1:
            frame = np.asarray(cv2.resize(frame, (camera.width, camera.height), interpolation=shrinking))
        return draw_overlay(frame, posed[position[int(index)]], body.faces, camera, config)

    with video_file(path, _frame_rate(capture)) as append:
        for done, picture in enumerate(in_threads(drawn, frames)):
            append(picture)
            if progress:
                progress(done + 1, len(indices))
    return path


def draw_overlay(
    frame: Frame, vertices: Tensor, faces: Tensor, camera: Camera, config: OverlayConfig = OVERLAY
) -> Frame:
    """Return a frame with a shaded, transparent surface and its contour drawn over it.

    Args:
        frame: BGR. [H, W, 3]
        vertices: camera coordinates, metres. [V, 3]
        faces: [F, 3]
        camera: of the frame.
        config: appearance.
    """
    shown = visible_faces(vertices, faces, camera, cull_backfaces=True).cpu().numpy()
    drawn = frame.copy()
    rows, columns = (np.flatnonzero((shown >= 0).any(axis)) for axis in (1, 0))
    if not len(rows):
        return drawn
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    shown, window = shown[box], drawn[box]
    seen = (shown >= 0).astype(np.uint8)
    shade = _shade(shown, (int(rows[0]), int(columns[0])), vertices, faces, camera, config)
    surface = cv2.transform(shade, config.opacity * np.array(config.surface_bgr)[:, None])
    cv2.copyTo(cv2.addWeighted(window, 1 - config.opacity, surface, 1, 0, dtype=cv2.CV_8U), seen, window)
    contours, _ = cv2.findContours(seen, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(int(columns[0]), int(rows[0])))
    thickness = max(1, round(max(frame.shape) * config.contour_width))
    cv2.drawContours(drawn, contours, -1, config.contour_bgr, thickness, cv2.LINE_AA)
    return drawn


def _shade(
    shown: NDArray[np.int64],
    corner: tuple[int, int],
    vertices: Tensor,
    faces: Tensor,
    camera: Camera,
    config: OverlayConfig,
) -> NDArray[np.float32]:
    """Return the brightness of the triangles that pixels show, 0 without one. [h, w]

    shown [h, w] triangles or −1, in a window of the picture whose corner has this row and column
    """
    pixel = np.flatnonzero(shown >= 0)
    triangle = shown.ravel()[pixel]
    some = np.unique(triangle)
    place = np.zeros(len(faces), np.int64)
    place[some] = np.arange(len(some))
    start, across, down = (plane.take(place[triangle]) for plane in _shading(vertices, faces, some, camera, config))
    row, column = (np.asarray(index, np.float32) for index in np.divmod(pixel, shown.shape[1]))
    shade = np.zeros(shown.shape, np.float32)
    at_pixels = start + across * (column + (corner[1] + 0.5)) + down * (row + (corner[0] + 0.5))
    shade.ravel()[pixel] = at_pixels.clip(config.ambient, 1)
    return shade


def _shading(
    vertices: Tensor, faces: Tensor, some: NDArray[np.int64], camera: Camera, config: OverlayConfig
) -> NDArray[np.float32]:
    """Return n triangles' brightness, extended to pixel (0, 0), and its change per pixel along u and v. [3, n]"""
    direction = torch.nn.functional.normalize(vertices.new_tensor(config.light), dim=0)
    lit = config.ambient + (1 - config.ambient) * (vertex_normals(vertices, faces) @ direction).clamp_min(0)
    values = torch.cat([camera.project(vertices), lit[:, None]], 1)  # u, v and brightness
    values = values[faces[torch.from_numpy(some).to(faces.device)]].double()
    a, b = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    gradient = torch.stack([a[:, 2] * b[:, 1] - a[:, 1] * b[:, 2], a[:, 0] * b[:, 2] - a[:, 2] * b[:, 0]], 1)
    gradient = torch.where(area.abs()[:, None] > config.sliver_px2, gradient / area[:, None], 0.0)
    start = values[:, 0, 2] - (gradient * values[:, 0, :2]).sum(1)
    return np.ascontiguousarray(torch.cat([start[:, None], gradient], 1).T.cpu(), np.float32)


def _frame_rate(capture: Capture) -> float:
    """Return the frame rate at which the used frames take as long as in the clip."""
    first, last = int(capture.frame_indices[0]), int(capture.frame_indices[-1])
    return capture.fps * (len(capture.frame_indices) - 1) / (last - first) if last > first else capture.fps
