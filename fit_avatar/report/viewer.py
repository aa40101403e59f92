"""A page that shows an avatar in 3D and holds all it needs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from html import escape
from pathlib import Path

from fit_avatar.report.sections import legend

ASSETS = Path(__file__).parent / "assets"
TEXTURE, CONFIDENCE, SHAPE = ("texture", "Texture"), ("confidence", "Confidence"), ("shape", "Shape")
"""What can be shown, and the words on its button."""
NOTHING = "data:,"


def base64(content: bytes) -> str:
    """Return bytes as Base64 text."""
    return b64encode(content).decode("ascii")


def viewer(poster: bytes | None = None, *, confidence: bool = False) -> str:
    """Return the place where the avatar turns.

    Args:
        poster: a JPEG that is seen until it does.
        confidence: whether the page holds how far each part of it can be trusted.
    """
    shown = (TEXTURE, CONFIDENCE, SHAPE) if confidence else (TEXTURE, SHAPE)
    buttons = "".join(f'<button data-show="{what}" aria-pressed="false">{label}</button>' for what, label in shown)
    still = NOTHING if poster is None else f"data:image/jpeg;base64,{base64(poster)}"
    return (
        f'<section id="viewer"><img id="poster" alt="the avatar" src="{still}">'
        '<p id="viewer-note" class="quiet"><noscript>Enable JavaScript to view it in 3D.</noscript></p>'
        f'<div id="legend" hidden>{legend()}</div>'
        '<div id="controls"><button id="play">Play</button>'
        '<input id="time" type="range" min="0" max="1" step="any" value="0" aria-label="time">'
        f'<button id="turn">Turn</button>{buttons}</div></section>'
    )


def document(title: str, content: str, held: Mapping[str, bytes | None]) -> str:
    """Return a whole page.

    Args:
        title: of the page.
        content: HTML with one :func:`viewer`.
        held: contents of files by the names that the viewer has for them: ``avatar-glb``, and where they are known,
            ``confidence-image`` (PNG) and ``overlay-mp4``.
    """
    blocks = "".join(
        f'<script type="text/plain" id="{name}">{base64(data)}</script>' for name, data in held.items() if data
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="{NOTHING}"><style>{_asset("page.css")}</style></head>\n'
        f"<body>{content}\n{blocks}\n<script>{_asset('viewer.min.js')}</script></body></html>\n"
    )


def avatar_page(title: str, glb: bytes) -> str:
    """Return a page that shows one GLB and nothing else."""
    return document(title, viewer(), {"avatar-glb": glb})


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8").strip()
