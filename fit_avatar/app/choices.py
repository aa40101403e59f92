"""What can be chosen on the page, and the options of a run that it makes; nothing else reaches the program."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from fit_avatar.config import HEIGHT_RANGE_M, Config
from fit_avatar.errors import BadInputError

Quality = Literal["fast", "balanced", "best"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)
METHODS = {"let the program see": None, "a turn in one pose": "video-avatar", "any motion": "motion"}
"""What the person does, and the preset for it."""
TEXTURES = (512, 1024, 2048, 4096)
FRAMES = (24, 60, 120, 240)
FOCAL_RANGE_MM = (8.0, 600.0)
"""Focal lengths that the command takes."""
NUMBER = re.compile(r"\s*\d{1,6}([.,]\d{1,6})?\s*", re.ASCII)
"""Numbers as people write them, with a point or a comma."""
EXPORTS = ("bvh", "usd", "amass", "vrm")
"""Further files that are single files."""
Export = Literal["bvh", "usd", "amass", "vrm"]
SHOES: dict[str, Literal["auto", "yes", "no"]] = {
    "let the program see": "auto", "shoes or socks": "yes", "bare feet": "no"
}  # fmt: skip
GARMENTS: dict[str, Literal["auto", "skirt", "none"]] = {
    "let the program see": "auto", "a skirt, a dress or a long coat": "skirt", "none of these": "none"
}  # fmt: skip
HAIR: dict[str, Literal["auto", "none"]] = {"where it is seen": "auto", "never": "none"}
"""What the person wears, whether hair is a surface of its own, and what the command calls it."""


@dataclass(frozen=True)
class Choices:
    """Values of the page's fields, as a browser sends them."""

    height_m: Any
    focal_35mm: Any
    method: Any
    quality: Any
    texture_size: Any
    frames: Any
    exports: Any
    shoes: Any
    garment: Any
    hair: Any
    delight: Any
    preview: Any

    def config(self) -> Config:
        """Return the options of a run.

        Raises:
            BadInputError: a value is none of those that the page offers.
        """
        preset = METHODS[_one_of("what the person does", self.method, tuple(METHODS))]
        exports = self.exports if isinstance(self.exports, (list, tuple)) else [self.exports]
        return Config(
            height_m=_height(self.height_m),
            focal_35mm=_number("the focal length", self.focal_35mm, *FOCAL_RANGE_MM, "millimetres"),
            preset=preset,
            quality=_one_of("quality", self.quality, QUALITIES),
            texture_size=_one_of("texture", self.texture_size, TEXTURES),
            frames=_one_of("frames", self.frames, FRAMES),
            export=tuple(dict.fromkeys(_one_of("further files", each, EXPORTS) for each in exports)),
            shoes=SHOES[_one_of("feet", self.shoes, tuple(SHOES))],
            garment=GARMENTS[_one_of("what covers the legs", self.garment, tuple(GARMENTS))],
            hair=HAIR[_one_of("hair", self.hair, tuple(HAIR))],
            delight=self.delight is True,
            preview=self.preview is True,
            log="json",
        )


def _height(value: Any) -> float | None:
    """Return a height in metres; centimetres are understood."""
    low, high = HEIGHT_RANGE_M
    found = _parsed(value)
    return _number("the height", found / 100 if found and found > 100 * low else value, low, high, "metres")


def _number(what: str, value: Any, low: float, high: float, unit: str) -> float | None:
    """Return a number in a range; None for an empty field."""
    found = _parsed(value)
    if found is not None and not low <= found <= high:  # which NaN is not, either
        raise BadInputError(f"{what} must be between {low:g} and {high:g} {unit}: correct it, or leave it empty")
    return found


def _parsed(value: Any) -> float | None:
    """Return what a field of text says, NaN for what is no number, and None for nothing."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value.replace(",", "."))
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan


def _one_of(what: str, value: Any, offered: Sequence[Any]) -> Any:
    for each in offered:
        if type(value) is type(each) and value == each:
            return each
    raise BadInputError(f"{what}: choose one of {', '.join(map(str, offered))}")
