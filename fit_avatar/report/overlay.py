"""The fitted surface drawn over the video."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from fit_avatar.report.video import video_file
from fit_avatar.visibility.raster import visible_faces

Frame = NDArray[np.uint8]
Progress = Callable[[int, int], None]

LONG_SIDE_PX = 1080
"""Larger frames are shrunk to this."""
OPACITY = 0.55
SURFACE_BGR = (255.0, 200.0, 150.0)
OUTLINE_BGR = (60, 220, 255)
LIGHT = (-0.4, -0.6, -0.7)
"""Direction towards the light in camera coordinates."""
AMBIENT = 0.3
"""Brightness of what faces away from the light."""
SLIVER_PX = 1e-3
"""Triangles of less area (twice, in square pixels) are drawn in one brightness."""


def write_overlay(
    path: Path,
    body: Body,
    state: BodyState,
    capture: Capture,
    frames: Iterable[tuple[int, Frame]],
    progress: Progress | None = None,
) -> Path:
    """Write an MP4 of the fitted frames with the surface over them, at the speed of the original.

    Args:
        path: of the video.
        body: the body.
        state: shape and the poses of the capture's T frames.
        capture: gives the camera, the frame indices and the rate.
        frames: (frame index, BGR image) of the capture's frames, undistorted; one is held at a time.
        progress: called with (frames done, frames in all).

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
        MissingDependencyError: PyAV is not installed.
    """
    indices = [int(index) for index in capture.frame_indices]
    position = {index: t for t, index in enumerate(indices)}
    scale = min(1.0, LONG_SIDE_PX / max(capture.camera.width, capture.camera.height))
    camera = capture.camera.resized(scale)
    with torch.no_grad():
        posed = pose_body(body, state).vertices
    with video_file(path, _rate(capture)) as append:
        for done, (index, frame) in enumerate(frames):
            if scale < 1:
                frame = np.asarray(cv2.resize(frame, (camera.width, camera.height), interpolation=cv2.INTER_AREA))
            append(draw_overlay(frame, posed[position[int(index)]], body.faces, camera))
            if progress:
                progress(done + 1, len(indices))
    return path


def draw_overlay(frame: Frame, vertices: Tensor, faces: Tensor, camera: Camera) -> Frame:
    """Return a frame with a shaded, see-through surface and its outline drawn over it.

    Args:
        frame: BGR. [H, W, 3]
        vertices: camera coordinates, metres. [V, 3]
        faces: [F, 3]
        camera: of the frame.
    """
    shown = visible_faces(vertices, faces, camera, cull_backfaces=True).cpu().numpy()
    drawn = frame.copy()
    rows, columns = (np.flatnonzero((shown >= 0).any(axis)) for axis in (1, 0))
    if not len(rows):
        return drawn
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    shown, window = shown[box], drawn[box]
    seen = shown >= 0
    row, column = (index.astype(np.float32) + np.float32(0.5) for index in np.nonzero(seen))
    start, across, down = _light(vertices, faces, camera)[shown[seen]].T
    shade = (start + across * (column + columns[0]) + down * (row + rows[0])).clip(AMBIENT, 1)
    surface = shade[:, None] * np.array(SURFACE_BGR, np.float32) * np.float32(OPACITY)
    window[seen] = window[seen] * np.float32(1 - OPACITY) + surface
    outlines, _ = cv2.findContours(
        seen.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(int(columns[0]), int(rows[0]))
    )
    thickness = max(1, round(max(frame.shape) / 540))
    cv2.drawContours(drawn, outlines, -1, OUTLINE_BGR, thickness, cv2.LINE_AA)
    return drawn


def _light(vertices: Tensor, faces: Tensor, camera: Camera) -> NDArray[np.float32]:
    """Return every triangle's brightness at the picture's corner, and how it changes to the right and down. [F, 3]

    The changes are those per pixel. The light comes from above the camera's left shoulder.
    """
    direction = torch.nn.functional.normalize(vertices.new_tensor(LIGHT), dim=0)
    lit = AMBIENT + (1 - AMBIENT) * (vertex_normals(vertices, faces) @ direction).clamp_min(0)
    values = torch.cat([camera.project(vertices), lit[:, None]], 1)[faces].double()  # u, v and brightness
    a, b = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    slope = torch.stack([a[:, 2] * b[:, 1] - a[:, 1] * b[:, 2], a[:, 0] * b[:, 2] - a[:, 2] * b[:, 0]], 1)
    slope = torch.where(area.abs()[:, None] > SLIVER_PX, slope / area[:, None], 0.0)
    start = values[:, 0, 2] - (slope * values[:, 0, :2]).sum(1)
    return np.asarray(torch.cat([start[:, None], slope], 1).cpu(), np.float32)


def _rate(capture: Capture) -> float:
    """Return the frames per second at which the used frames last as long as they did in the clip."""
    first, last = int(capture.frame_indices[0]), int(capture.frame_indices[-1])
    return capture.fps * (len(capture.frame_indices) - 1) / (last - first) if last > first else capture.fps
