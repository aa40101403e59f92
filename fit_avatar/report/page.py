"""report.html: one file that shows the avatar, its confidence, and how it was made. It needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture
from fit_avatar.export.image import image_bytes
from fit_avatar.io.atomic import atomic_path
from fit_avatar.report import sections
from fit_avatar.report.colours import confidence_texture
from fit_avatar.report.contact_sheet import contact_sheet
from fit_avatar.report.embed import EMBED, EmbedConfig, Embedded, glb_bytes, jpeg, shrink, video_bytes
from fit_avatar.report.preview import render_view
from fit_avatar.report.quality import Quality
from fit_avatar.report.viewer import base64, document, viewer

FRONT, BACK = 0.0, 180.0
"""Yaw of the views, in degrees."""


def write_report(
    path: Path,
    metrics: Mapping[str, Any],
    body: Body,
    state: BodyState,
    capture: Capture,
    texture: NDArray[np.uint8],
    quality: Quality,
    overlay: Path,
) -> Path:
    """Write the report.

    Args:
        path: of the HTML file.
        metrics: the content of ``metrics.json``.
        body: the body.
        state: shape and the poses of the capture's T frames.
        capture: the observations.
        texture: [S, S, 3] RGB.
        quality: confidence of every vertex.
        overlay: the overlay video.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    page = render(metrics, gather(body, state, capture, texture, quality, overlay))
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def gather(
    body: Body,
    state: BodyState,
    capture: Capture,
    texture: NDArray[np.uint8],
    quality: Quality,
    overlay: Path,
    config: EmbedConfig = EMBED,
) -> Embedded:
    """Return what the page embeds; arguments as for :func:`write_report`."""
    confidence = confidence_texture(body, quality.confidence)
    small = shrink(texture, config.texture_px)
    front, *colours = (
        jpeg(render_view(body, state, picture, yaw, config.view_px))
        for picture, yaw in ((texture, FRONT), (confidence, FRONT), (confidence, BACK))
    )
    return Embedded(
        glb=glb_bytes(body, state, capture, small),
        texture=jpeg(small),
        confidence=image_bytes(confidence, ".png"),
        overlay=video_bytes(overlay, config),
        sheet=tuple(contact_sheet(overlay, capture)),
        poster=front,
        confidence_views=tuple(colours),
    )


def render(metrics: Mapping[str, Any], embedded: Embedded) -> str:
    """Return the page."""
    source = metrics["options"].get("video") or next(iter(metrics["options"].get("image") or ()), "avatar")
    title = f"The avatar from {Path(str(source)).name}"
    views = "".join(
        _picture(view, f"confidence seen from the {side}")
        for view, side in zip(embedded.confidence_views, ("front", "back"), strict=True)
    )
    parts = (
        f"<h1>{escape(title)}</h1>",
        viewer(embedded.poster, confidence=True),
        sections.facts(metrics),
        sections.warnings(metrics),
        '<div class="columns">',
        sections.coverage(metrics["regions"], f'<div class="views">{views}</div>'),
        "<div>",
        sections.measurements(metrics),
        sections.timing(metrics),
        "</div></div>",
        sections.section("The fit over the video", _video(embedded) + _sheet(embedded, metrics)),
        sections.frame_plots(metrics),
        sections.limbs(metrics["limbs"]),
        sections.section("Texture", _picture(embedded.texture, "the texture map", "texture")),
        sections.repeat(metrics),
    )
    held = {"avatar-glb": embedded.glb, "confidence-image": embedded.confidence, "overlay-mp4": embedded.overlay}
    return document(title, "".join(parts), held)


def _video(embedded: Embedded) -> str:
    if embedded.overlay is None:
        return '<p class="quiet">The overlay video is too large for this page: see overlay.mp4 beside it.</p>'
    return '<video id="overlay-video" controls loop muted playsinline></video>'


def _sheet(embedded: Embedded, metrics: Mapping[str, Any]) -> str:
    figures = []
    for position, picture in embedded.sheet:
        frame = metrics["frames"][position]
        caption = f"frame {frame['frame_index']}, IoU {frame['silhouette_iou']:.2f}"
        figures.append(f"<figure>{_picture(picture, caption)}<figcaption>{escape(caption)}</figcaption></figure>")
    return f'<div class="sheet" style="margin-top:10px">{"".join(figures)}</div>'


def _picture(content: bytes, alternative: str, kind: str = "") -> str:
    return f'<img class="{kind}" alt="{escape(alternative)}" src="data:image/jpeg;base64,{base64(content)}">'
