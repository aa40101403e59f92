"""Ways to damage the content of a file, chosen by chance."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

NUMBERS = (
    "1e400",
    "-1e308",
    "NaN",
    "-Infinity",
    "1" + "0" * 400,
    "9" * 5000,
    "null",
    '"12"',
    "true",
    "[[[1]]]",
    "{}",
    "-1",
)


class Damage:
    """Damages contents as a source of chance says."""

    def __init__(self, chance: random.Random) -> None:
        """Take all choices from ``chance``."""
        self._random = chance

    def __call__(self, content: bytes, suffix: str) -> bytes:
        """Return a damaged copy of the content of a file whose name ends in ``suffix``."""
        general: list[Callable[[bytes], bytes]] = [
            self._flipped,
            self._cut,
            self._doubled,
            lambda _: b"",
            self._random_bytes,
        ]
        special: dict[str, list[Callable[[bytes], bytes]]] = {
            ".json": [self._number, self._number, self._number, self._nested, self._token],
            ".png": [self._huge_png],
            ".pkl": [self._deep_pickle, self._wide_pickle],
            ".npz": [self._claiming_npz, self._text_npz, self._bomb_npz, self._other_array, self._other_array],
        }
        return self._random.choice(special.get(suffix, []) * 2 + general)(content)

    def _flipped(self, content: bytes) -> bytes:
        changed = bytearray(content)
        for _ in range(self._random.choice([1, 8, 64])):
            if changed:
                changed[self._random.randrange(len(changed))] = self._random.randrange(256)
        return bytes(changed)

    def _cut(self, content: bytes) -> bytes:
        return content[: self._random.randrange(len(content) + 1)]

    def _doubled(self, content: bytes) -> bytes:
        return content + content

    def _random_bytes(self, _: bytes) -> bytes:
        return self._random.randbytes(self._random.choice([1, 100, 10_000]))

    def _number(self, content: bytes) -> bytes:
        """Replace one number of a text."""
        found = list(re.finditer(rb"-?\d+(\.\d+)?(e-?\d+)?", content))
        if not found:
            return b"[]"
        place = self._random.choice(found)
        return content[: place.start()] + self._random.choice(NUMBERS).encode() + content[place.end() :]

    def _token(self, content: bytes) -> bytes:
        """Replace one text by another value."""
        found = list(re.finditer(rb'"[^"]*"', content))
        place = self._random.choice(found) if found else None
        value = self._random.choice([b"null", b"7", b"[]", b'""', b'"' + b"n" * 400 + b'"', b'"a\\u0000b"'])
        return value if place is None else content[: place.start()] + value + content[place.end() :]

    def _nested(self, _: bytes) -> bytes:
        return b"[" * 100_000 + b"]" * 100_000

    def _huge_png(self, content: bytes) -> bytes:
        side = self._random.choice([50_000, 30_000, 2**31 - 1]).to_bytes(4, "big")
        return content[:16] + side + side + content[24:]

    def _deep_pickle(self, _: bytes) -> bytes:
        """Return a dictionary whose key is a tuple in a tuple in a tuple …"""
        return b"}(" + b"K\x01" + b"\x85" * 200_000 + b"K\x01u."

    def _wide_pickle(self, _: bytes) -> bytes:
        """Return a dictionary whose key has 2⁶⁰ parts."""
        shared = b"".join(b"q" + bytes([k]) + b"h" + bytes([k]) + b"\x86" for k in range(60))
        return b"}K\x01" + shared + b"K\x01s."

    def _claiming_npz(self, _: bytes) -> bytes:
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000, 3), }"
        return self._zipped({"v_template.npy": b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header})

    def _text_npz(self, _: bytes) -> bytes:
        header = self._random.choice(
            [b"{'descr': ", b"(" * 500, b"import os", b"{'descr': '|O', 'fortran_order': 0, 'shape': ()}"]
        )
        return self._zipped(
            {"v_template.npy": b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header, "file.npy": b""}
        )

    def _bomb_npz(self, _: bytes) -> bytes:
        return self._zipped({"kintree_table.npy": bytes(300 << 20)})

    def _other_array(self, content: bytes) -> bytes:
        """Replace one array by one of another shape or kind, or leave it out."""
        with np.load(io.BytesIO(content)) as file:
            arrays = dict(file)
        name = self._random.choice(sorted(arrays))
        array = arrays.pop(name)
        others = [np.zeros(0), np.array(3.0), np.full(array.shape, np.nan), np.array(["text"] * 3), array[..., None]]
        others += [np.repeat(array[None], 2, 0), np.full(array.shape, 1e30), np.full(array.shape, -1), None]
        other = self._random.choice(others)
        written = io.BytesIO()
        np.savez(written, **arrays, **({} if other is None else {name: other}))
        return written.getvalue()

    def _zipped(self, members: dict[str, Any]) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return content.getvalue()
