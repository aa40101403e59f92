"""The page of an accuracy run: the table, errors coloured on the surface, and the surface over a few frames."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body import Body, BodyState, pose_body, rotation
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.capture import Camera, Capture, read_frames
from fit_avatar.evaluate import Surface
from fit_avatar.report import draw_overlay
from fit_avatar.visibility import rasterize
from lib.accuracy_table import KEYS, Column, Row, cells
from lib.measure import Surfaces

Image = NDArray[np.uint8]
FULL_MM = 25.0
"""The colours end at this error."""
VIEW_PX = (340, 560)
OVERLAYS = 4
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1500px; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
.wide { overflow-x: auto } td, th { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: right }
td:nth-child(-n+3), th:nth-child(-n+3) { text-align: left } img { height: 400px; margin: 0 4px 4px 0; max-width: 100% }
.scale { width: 300px; height: 14px; background: linear-gradient(90deg, #2166ac, #f4f4f4, #b2182b) }
"""


@dataclass(frozen=True)
class Pictures:
    """The pictures of one fit, as JPEG."""

    name: str
    images: tuple[tuple[str, bytes], ...]
    """What each shows, and its bytes."""


def draw_pictures(
    name: str,
    folder: Path,
    body: Body,
    state: BodyState,
    capture: Capture,
    surfaces: Surfaces,
) -> Pictures:
    """Draw the errors on the surface, from the front and the back, and the surface over some frames.

    Args:
        name: of the fit.
        folder: of the clip.
        body: the body.
        state: the fit.
        capture: what it was fitted to.
        surfaces: found and true ones.
    """
    aligned = [motion(v) for motion, v in zip(surfaces.distance.motions, surfaces.vertices, strict=True)]
    # a vertex outside the truth is positive; the mean over the frames is the error of the shape
    errors = [Surface(t.vertices, t.faces).signed_distance(v) for t, v in zip(surfaces.true, aligned, strict=True)]
    error = np.mean(errors, axis=0)
    images = [(f"error, {side}", _errors(body, state, error, yaw)) for side, yaw in (("front", 0), ("back", np.pi))]
    posed = pose_body(body, state).vertices.cpu()
    chosen = np.linspace(0, len(capture.frame_indices), OVERLAYS, endpoint=False).astype(int)
    by_index = {int(capture.frame_indices[t]): t for t in chosen}
    for index, frame in read_frames(folder / "video.mp4", list(by_index)):
        drawn = draw_overlay(frame, posed[by_index[index]], body.faces.cpu(), capture.camera)
        images.append((f"frame {index}", _cropped(drawn, capture.masks[by_index[index]])))
    return Pictures(name, tuple((caption, _jpeg(image)) for caption, image in images))


def _errors(body: Body, state: BodyState, error: NDArray[np.float64], yaw: float) -> Image:
    """Return the avatar in the mean pose of the clip, coloured by signed errors in metres. BGR"""
    width, height = (2 * side for side in VIEW_PX)
    turn = rotation.exp(torch.tensor([np.pi, 0.0, 0.0])) @ rotation.exp(torch.tensor([0.0, yaw, 0.0]))
    one = BodyState(
        state.betas, state.offsets, rotation.log(turn)[None].to(state.betas), state.body_pose[:1],
        torch.zeros_like(state.transl[:1]), None if state.expression is None else state.expression[:1],
    )  # fmt: skip
    vertices = pose_body(body, one).vertices[0].cpu()
    low, high = vertices.amin(0), vertices.amax(0)
    vertices = vertices - (low + high) / 2 + torch.tensor([0.0, 0.0, 6.0])
    focal = 6.0 * min(0.95 * height / float(high[1] - low[1]), 0.95 * width / float(high[0] - low[0]))
    faces = body.faces.cpu()
    raster = rasterize(vertices, faces, Camera(focal, focal, width / 2, height / 2, width, height), cull_backfaces=True)
    facing = (-vertex_normals(vertices, faces)[:, 2:]).clamp(0, 1)
    values = torch.cat([torch.tensor(error * 1000 / FULL_MM)[:, None].float(), facing], 1)
    error, shade = np.split(raster.interpolate(values, faces).numpy(), [1], axis=-1)
    picture = colours(error[..., 0]) * (0.45 + 0.55 * shade)
    picture[~raster.mask.numpy()] = 255
    return cv2.resize(picture.astype(np.uint8), VIEW_PX, interpolation=cv2.INTER_AREA)


def colours(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return blue for −1, white for 0, red for 1. BGR in 0 … 255 [..., 3]"""
    ends = np.array([[172, 102, 33], [244, 244, 244], [43, 24, 178]], float)
    at = np.clip(values, -1, 1)
    return np.stack([np.interp(at, [-1, 0, 1], ends[:, k]) for k in range(3)], -1)


def _cropped(image: Image, mask: NDArray[np.bool_]) -> Image:
    """Return the part around the person, at the height of the other pictures."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    margin = len(image) // 40
    top, left = max(rows[0] - margin, 0), max(columns[0] - margin, 0)
    part = image[top : rows[-1] + margin, left : columns[-1] + margin]
    return cv2.resize(part, None, fx=VIEW_PX[1] / len(part), fy=VIEW_PX[1] / len(part), interpolation=cv2.INTER_AREA)


def _jpeg(image: Image) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def write_page(
    path: Path,
    rows: Sequence[Row],
    columns: Mapping[str, Column],
    pictures: Sequence[Pictures],
) -> None:
    """Write one HTML file that holds everything.

    Args:
        path: of the page.
        rows: the numbers of every fit.
        columns: their names, and how they are read from a row.
        pictures: of every fit.
    """
    head = "".join(f"<th>{html.escape(name)}</th>" for name in (*KEYS, *columns))
    lines = []
    for row in rows:
        texts = [str(row[key]) for key in KEYS.values()] + cells([column(row) for column in columns.values()])
        lines.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in texts) + "</tr>")
    parts = []
    for row, drawn in zip(rows, pictures, strict=True):
        shown = "".join(
            f'<img src="data:image/jpeg;base64,{base64.b64encode(data).decode()}" alt="{html.escape(caption)}">'
            for caption, data in drawn.images
        )
        errors = f"height {row['height']['both']:.2f} mm, camera {row['camera']['both']:.2f} mm, IoU {row['iou']:.4f}"
        spent = ", ".join(f"{name} {seconds:.1f}" for name, seconds in row["seconds"].items())
        summary = f"{errors}; seconds: {spent}"
        parts.append(f"<h2>{html.escape(drawn.name)}</h2><p>{html.escape(summary)}</p><div>{shown}</div>")
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Accuracy</title><style>{STYLE}</style>'
        f'<h1>Accuracy</h1><p>Distances in mm.</p><div class="wide">'
        f"<table><tr>{head}</tr>{''.join(lines)}</table></div>"
        f"<p>Error of each vertex, mean over the frames, aligned by height: inside the true surface (−{FULL_MM:g} mm) "
        f'to outside (+{FULL_MM:g} mm)</p><div class="scale"></div>{"".join(parts)}</html>',
        encoding="utf-8",
    )
