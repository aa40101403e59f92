"""What a file is by its first bytes, or a folder by what it holds, in words for messages: "a PNG picture"."""

from __future__ import annotations

import string
from collections import Counter
from pathlib import Path

HEAD_BYTES = 4096
"""So much of a file is looked at. Chosen by hand."""
MAX_FILES = 100_000
"""So many files of a folder are counted. Chosen by hand."""
PICKLE = "a Python pickle"
TEXT = "a text file"
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF or raw picture"),
    (b"MM\0*", "a TIFF or raw picture"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "an array of NumPy (.npy)"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf'\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF", "a PDF document"),
    (b"glTF", "a glTF model"),
    (b"Kaydara FBX", "an FBX model"),
    (b"\x80", PICKLE),
    (b"x\x9c", "a compressed file of joblib"),
    (b"x^", "a compressed file of joblib"),
    (b"x\xda", "a compressed file of joblib"),
)
"""How files begin, from their formats' specifications."""
BRANDS = {
    b"heic": "a HEIC picture", b"heix": "a HEIC picture", b"mif1": "a HEIC picture", b"heim": "a HEIC picture",
    b"avif": "an AVIF picture",
}  # fmt: skip
"""Brands in the first box of ISO base media files (ISO/IEC 14496-12) that are no videos."""
NOT_READ = ("a HEIC picture", "an AVIF picture", "an SVG drawing")
RIFF = {b"WEBP": "a WebP picture", b"AVI ": "an AVI video"}
ZIPPED = {
    ".npz": "a file of NumPy arrays (.npz)", ".pt": "a file of PyTorch", ".pth": "a file of PyTorch",
    ".usdz": "a USD model",
}  # fmt: skip
LFS = "a pointer of Git LFS in place of the file"
WEB_PAGE = "a web page"
EMPTY = "an empty file"


def kind_of(path: Path) -> str:
    """Return what a file is, with an article, or what a folder holds; empty if that is not known."""
    if path.is_dir():
        return f"a folder that holds {held_by(path)}"
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except (OSError, ValueError):
        return ""
    return _by_signature(head, path) or _by_text(head)


def held_by(folder: Path) -> str:
    """Return what lies in a folder, the most frequent first: "60 .json files and 1 folder", or "nothing"."""
    counts: Counter[str] = Counter()
    try:
        for number, path in enumerate(folder.iterdir()):
            if number >= MAX_FILES:
                break
            if not path.name.startswith("."):
                counts["folder" if path.is_dir() else f"{path.suffix[:12].lower()} file".strip()] += 1
    except OSError:
        return "nothing that can be read"
    ranked = sorted(counts.items(), key=lambda item: (item[0] == "folder", -item[1], item[0]))
    named = [f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in ranked[:3]]
    return " and ".join(filter(None, (", ".join(named[:-1]), named[-1]))) if named else "nothing"


def misfit(path: Path, what: str, remedy: str, otherwise: str = "") -> str:
    """Return a sentence about a file that cannot be read as what it was given for.

    Args:
        path: of the file.
        what: it should be, such as "a video".
        remedy: what to do if it is whole but of another kind.
        otherwise: what to do if its kind is not known; by default the same.
    """
    kind = kind_of(path)
    if not kind:
        return f"{path} is not {what} that can be read, or is damaged: {otherwise or remedy}"
    if kind in NOT_READ:
        return f"{path} is {kind}, which is not read here: {remedy}"
    if what in ("a picture", "a video") and kind.endswith(what[1:]):
        return f"{path} begins like {kind} but cannot be read: it may be cut off or damaged, so {otherwise or remedy}"
    return f"{path} is {kind}, not {what}: {remedy_for(kind, remedy)}"


def is_picture(path: Path) -> bool:
    """Return whether a file is one picture that does not move."""
    return path.is_file() and kind_of(path).endswith(" picture") and not kind_of(path).startswith("a GIF")


def is_video(path: Path) -> bool:
    """Return whether a file is a film, by its first bytes."""
    return path.is_file() and kind_of(path).endswith(" video")


def video_remedy(path: Path) -> str:
    """Return what to do about a file that is no video but was given as one."""
    return "photographs are given with --image" if is_picture(path) else "give the clip itself"


def may_be_video(path: Path) -> bool:
    """Return whether a file is a film, a picture that moves, or of a kind that is not known."""
    kind = kind_of(path)
    return not kind or kind.endswith(" video") or kind == "a GIF picture" or kind == "a WebP picture"


def remedy_for(kind: str, otherwise: str) -> str:
    """Return what to do about a file that is of this kind by mistake."""
    if kind == LFS:
        return "run git lfs pull in its folder"
    if kind == WEB_PAGE:
        return "log in at its site with a browser and download the file"
    if kind == EMPTY:
        return "copy it again"
    if kind.endswith("archive"):
        return "unpack it"
    return otherwise


def _by_signature(head: bytes, path: Path) -> str:
    if not head:
        return EMPTY
    if head[4:8] == b"ftyp":
        return BRANDS.get(head[8:12], "an MP4 or QuickTime video")
    if head[:4] == b"RIFF" and head[8:12] in RIFF:
        return RIFF[head[8:12]]
    if head[:4] == b"PK\x03\x04" and path.suffix.lower() in ZIPPED:
        return ZIPPED[path.suffix.lower()]
    return next((kind for start, kind in SIGNATURES if head.startswith(start)), "")


def _by_text(head: bytes) -> str:
    text = head.decode("utf-8-sig", errors="replace")
    # The last character may be cut off.
    control = any(c < " " and c not in string.whitespace for c in text)
    if "\ufffd" in text[:-1] or control or not set(text) - set(string.whitespace):
        return ""
    start = text.lstrip().lower()
    if start.startswith("version https://git-lfs"):
        return LFS
    if start.startswith(("<!doctype", "<html")) or "<html" in start:
        return WEB_PAGE
    if start.startswith("<svg") or (start.startswith("<?xml") and "<svg" in start):
        return "an SVG drawing"
    if start.startswith(("{", "[")):
        return "a JSON file"
    return TEXT
