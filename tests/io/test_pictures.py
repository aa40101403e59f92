"""Pictures are decoded up to a size, whatever their names."""

import os
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from fit_avatar.errors import BadInputError
from fit_avatar.io.pictures import read_picture


def huge_png(side: int) -> bytes:
    """Return a small file that claims side × side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", ["a.png", "12:30.png", "%05d.png", "ü.png", os.fsdecode(b"\xe4.png"), "x\ny.png"])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    (tmp_path / name).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    np.testing.assert_array_equal(read_picture(tmp_path / name, "image"), picture)


@pytest.mark.parametrize("side", [20_000, 50_000, 2**31 - 1])
def test_a_picture_that_claims_too_much_is_not_decoded(tmp_path: Path, side: int) -> None:
    (tmp_path / "a.png").write_bytes(huge_png(side))
    with pytest.raises(BadInputError, match=f"has {side} × {side} pixels, more than can be used"):
        read_picture(tmp_path / "a.png", "mask")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a\xff\xff\xff\xff", b"BM", b"text", bytes(1000)])
def test_what_is_no_picture_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(
        BadInputError,
        match=r"the mask .*a\.png ((is|begins like) an? (empty|PNG|BMP|text)|is not a picture that|has 65535 × 65535)",
    ):
        read_picture(tmp_path / "a.png", "mask")
