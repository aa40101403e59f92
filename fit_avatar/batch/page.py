"""index.html: the previews of all clips on one page, which needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fit_avatar.batch.table import BETWEEN
from fit_avatar.io.atomic import write_bytes

PAGE = "index.html"
STYLE = Path(__file__).parents[1] / "report" / "assets" / "page.css"
"""That of every clip's own report."""
OWN_STYLE = """
body { max-width: 1600px; }
.clips { display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); }
.clips section { margin: 0; }
.clips img { display: block; width: 100%; height: auto; margin: 6px 0; }
.failed { border-left: 5px solid var(--caution); }
"""
PREVIEW, REPORT = "preview.png", "report.html"


def write_page(folder: Path, table: Sequence[dict[str, Any]], note: str) -> Path:
    """Write the page of a batch.

    Args:
        folder: of the batch.
        table: of :func:`fit_avatar.batch.table.rows`.
        note: what is said at the top.
    """
    cards = "\n".join(_card(folder, row) for row in table)
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(folder.resolve().name)}</title>\n<style>{STYLE.read_text(encoding='utf-8')}{OWN_STYLE}</style>"
        f"</head><body>\n<h1>{escape(folder.resolve().name)}</h1>\n<p>{escape(note)}</p>\n"
        f'<div class="clips">\n{cards}\n</div>\n</body></html>\n'
    )
    write_bytes(folder / PAGE, page.encode(errors="backslashreplace"))
    return folder / PAGE


def _card(folder: Path, row: dict[str, Any]) -> str:
    """Return what the page shows of a clip."""
    name = escape(str(row["name"]))
    if row["state"] != "done":
        kind = "failed" if row["state"] == "failed" else "quiet"
        log = _link(str(row["log"]), "log") if row["log"] else ""
        said = escape(str(row["reason"] or "not done yet"))
        return f'<section class="{kind}"><h2>{name}</h2><p>{said}</p>{log}</section>'
    place = Path(str(row["folder"]))
    pictures = [file.relative_to(folder) for file in _files(folder / place, PREVIEW)]
    reports = [file.relative_to(folder) for file in _files(folder / place, REPORT)]
    shown = "".join(f'<img loading="lazy" alt="" src="{_address(each.as_posix())}">' for each in pictures)
    links = " · ".join(
        [
            *(_link(each.as_posix(), "report" if each.parent == place else each.parent.name) for each in reports),
            _link(str(row["log"]), "log"),
        ]
    )
    facts = [
        f"{row['height_m']:.2f} m" if row["height_m"] else "",
        f"{row['frames_used']} frames" if row["frames_used"] else "",
        f"silhouette IoU {row['silhouette_iou']:.3f}" if row["silhouette_iou"] else "",
        f"{row['seconds']:.0f} s",
    ]
    told = _notes(str(row["warnings"]).split(BETWEEN)) if row["warnings"] else ""
    return (
        f"<section><h2>{name}</h2>{shown}<p>{escape(', '.join(filter(None, facts)))}</p>{told}<p>{links}</p></section>"
    )


def _notes(warnings: Sequence[str]) -> str:
    """Return a clip's warnings, which are unfolded by a click."""
    lines = "".join(f"<li>{escape(each)}</li>" for each in warnings)
    return f'<details class="quiet"><summary>{len(warnings)} to know</summary><ul>{lines}</ul></details>'


def _files(folder: Path, name: str) -> list[Path]:
    """Return a result's file: its own, or those of each person."""
    own = folder / name
    return [own] if own.is_file() else sorted(folder.glob(f"person_*/{name}"))


def _link(path: str, text: str) -> str:
    return f'<a href="{_address(path)}">{escape(text)}</a>'


def _address(path: str) -> str:
    """Return a path on the page's own disk as an address."""
    return escape(quote(path, errors="surrogateescape"))
