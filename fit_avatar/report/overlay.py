"""The fitted surface drawn over the video."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.report.video import video_file
from fit_avatar.silhouettes.matching import vertex_normals
from fit_avatar.silhouettes.raster import rasterize

Frame = NDArray[np.uint8]
Progress = Callable[[int, int], None]

LONG_SIDE_PX = 1080
"""Larger frames are shrunk to this."""
OPACITY = 0.55
SURFACE_BGR = (255.0, 200.0, 150.0)
OUTLINE_BGR = (60, 220, 255)
LIGHT = (-0.4, -0.6, -0.7)
"""Direction towards the light in camera coordinates."""


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
    camera = _scaled(capture.camera, scale)
    with video_file(path, _rate(capture)) as append, torch.no_grad():
        for done, (index, frame) in enumerate(frames):
            t = position[int(index)]
            vertices = pose_body(body, _one_frame(state, t)).vertices[0]
            if scale < 1:
                frame = np.asarray(cv2.resize(frame, (camera.width, camera.height), interpolation=cv2.INTER_AREA))
            append(draw_overlay(frame, vertices, body.faces, camera))
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
    raster = rasterize(vertices, faces, camera, cull_backfaces=True)
    seen = raster.mask.cpu().numpy()
    shade = raster.interpolate(_brightness(vertices, faces), faces).cpu().numpy()
    drawn = frame.copy()
    surface = np.array(SURFACE_BGR, np.float32) * shade[seen]
    drawn[seen] = (frame[seen] * (1 - OPACITY) + surface * OPACITY).astype(np.uint8)
    outlines, _ = cv2.findContours(seen.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    thickness = max(1, round(max(frame.shape) / 540))
    cv2.drawContours(drawn, outlines, -1, OUTLINE_BGR, thickness, cv2.LINE_AA)
    return drawn


def _brightness(vertices: Tensor, faces: Tensor) -> Tensor:
    """Return how bright each vertex is, lit from above the camera's left shoulder. [V, 1]"""
    light = torch.nn.functional.normalize(vertices.new_tensor(LIGHT), dim=0)
    return 0.3 + 0.7 * (vertex_normals(vertices, faces) @ light).clamp_min(0)[:, None]


def _rate(capture: Capture) -> float:
    """Return the frames per second at which the used frames last as long as they did in the clip."""
    first, last = int(capture.frame_indices[0]), int(capture.frame_indices[-1])
    return capture.fps * (len(capture.frame_indices) - 1) / (last - first) if last > first else capture.fps


def _scaled(camera: Camera, scale: float) -> Camera:
    """Return the camera of a smaller picture."""
    width, height = round(camera.width * scale), round(camera.height * scale)
    across, down = width / camera.width, height / camera.height
    return replace(
        camera,
        fx=camera.fx * across,
        fy=camera.fy * down,
        cx=camera.cx * across,
        cy=camera.cy * down,
        width=width,
        height=height,
    )


def _one_frame(state: BodyState, t: int) -> BodyState:
    one = slice(t, t + 1)
    return replace(
        state, global_orient=state.global_orient[one], body_pose=state.body_pose[one], transl=state.transl[one]
    )
