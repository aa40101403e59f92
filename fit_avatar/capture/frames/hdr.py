"""HDR and wide colours to those of an SDR screen: two tables with a matrix between them.

PQ and HLG (ITU-R BT.2100) become linear light whose 1 is HDR's reference white (BT.2408: 203 cd/m² in PQ, 75 % of
HLG's signal); primaries become BT.709's; highlights are compressed; and the result is written as sRGB. HLG is taken as
light of the scene, as its camera would have recorded it in SDR. The curve is that of Khronos' PBR Neutral tone mapper,
for each channel: it keeps the colours of things, as nothing changes below 0.8 of the white, so that a copy in HDR looks
as the SDR clip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

HLG_A, HLG_B, HLG_C = 0.17883277, 0.28466892, 0.55991073
"""BT.2100, table 5."""
PQ_M1, PQ_M2, PQ_C1, PQ_C2, PQ_C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
"""BT.2100, table 4."""
PQ_PEAK, PQ_WHITE, HLG_WHITE = 10_000.0, 203.0, 0.75
"""PQ's peak and reference white in cd/m², and HLG's as signal (BT.2408, table 1)."""
KNEE = 0.8
"""Of Khronos' PBR Neutral tone mapper: where compression begins. Its offset for reflections is left out, since these
are pictures; and its blend to white, since that is what channels do that are compressed one by one."""
PEAK = 5.0
"""Brighter light is cut off, where 99.7 % of SDR's light is reached. Chosen by hand."""
SIGNAL_BITS = 12
"""Of the values that are looked up. Chosen by hand: cameras record 10."""

PQ, HLG = 16, 18
"""Transfer characteristics in FFmpeg's numbers (ITU-T H.273)."""
PRIMARIES = {
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # P3 with the white of daylight
}
"""Wide primaries (H.273's numbers): chromaticities of red, green and blue; white is D65."""
BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
D65 = (0.3127, 0.3290)


@dataclass(frozen=True)
class Wide:
    """What the colours of a stream mean, where they are not those of an SDR screen."""

    transfer: int
    """PQ, HLG, or anything else for SDR's gamma."""
    primaries: int
    """A key of :data:`PRIMARIES`, or anything else for BT.709's."""
    white: int = 255 << (SIGNAL_BITS - 8)
    """The value of 12 bits that stands for the signal 1: FFmpeg's scaler fills 8 bits' 255 up with zeros, except from
    deeper full range."""

    @classmethod
    def of(cls, transfer: int, primaries: int) -> Wide | None:
        """Return what tags of a stream say in H.273's numbers; ``None`` for SDR with usual colours."""
        if transfer in (PQ, HLG):
            return cls(transfer, 9 if primaries in (0, 2) else primaries)  # untagged HDR is BT.2100, so BT.2020
        return cls(0, primaries) if primaries in PRIMARIES else None

    @property
    def name(self) -> str:
        """Return its name for the user."""
        return {PQ: "HDR (PQ)", HLG: "HDR (HLG)"}.get(self.transfer, "wide colours")

    @cached_property
    def to_light(self) -> NDArray[np.uint16]:
        """Return light in 0..65535, which is :data:`PEAK`, for each value of a channel. [4096]"""
        light = LIGHT.get(self.transfer, srgb_light)(np.arange(1 << SIGNAL_BITS) / self.white)
        return np.asarray(np.round(np.minimum(light / PEAK, 1.0) * 65535), np.uint16)

    @cached_property
    def to_bt709(self) -> Array:
        """Return the matrix of linear (B, G, R). [3, 3]"""
        rgb = np.linalg.inv(to_xyz(BT709)) @ to_xyz(PRIMARIES.get(self.primaries, BT709))
        return np.asarray(rgb[::-1, ::-1])

    @cached_property
    def to_signal(self) -> NDArray[np.uint8]:
        """Return a channel of an SDR picture in 0..255 for each value of light in 0..65535. [65536]"""
        light = np.arange(65536) * (PEAK / 65535)
        signal = srgb_signal(neutral(light) if self.transfer in LIGHT else light)
        return np.round(255 * signal).astype(np.uint8)

    def to_sdr(self, bgr: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Return an SDR picture for one of 12 bits. [H, W, 3]"""
        light = cv2.transform(np.take(self.to_light, bgr, mode="clip"), self.to_bt709)
        return np.asarray(np.take(self.to_signal, light), np.uint8)


def pq_light(rgb: Array) -> Array:
    """Return light, reference white being 1, for PQ values (BT.2100, table 4: EOTF)."""
    power = np.clip(rgb, 0.0, 1.0) ** (1 / PQ_M2)
    light = (np.maximum(power - PQ_C1, 0.0) / (PQ_C2 - PQ_C3 * power)) ** (1 / PQ_M1)
    return np.asarray(PQ_PEAK / PQ_WHITE * light)


def hlg_light(rgb: Array) -> Array:
    """Return the scene's light, reference white being 1, for HLG values (BT.2100, table 5: inverse OETF)."""

    def scene(signal: Array) -> Array:
        return np.where(signal <= 0.5, signal**2 / 3.0, (np.exp((signal - HLG_C) / HLG_A) + HLG_B) / 12.0)

    return np.asarray(scene(np.clip(rgb, 0.0, 1.0)) / scene(np.array(HLG_WHITE)))


def srgb_light(rgb: Array) -> Array:
    """Return light for values of sRGB (IEC 61966-2-1)."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0.0) + 0.055) / 1.055) ** 2.4)


def srgb_signal(light: Array) -> Array:
    """Return values of sRGB in 0..1 for light."""
    light = np.clip(light, 0.0, 1.0)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


LIGHT: dict[int, Callable[[Array], Array]] = {PQ: pq_light, HLG: hlg_light}


def neutral(light: Array) -> Array:
    """Compress light of any brightness to 0..1 (Khronos, PBR Neutral Tone Mapper)."""
    room = 1.0 - KNEE
    return np.where(light < KNEE, light, 1.0 - room**2 / (np.maximum(light, KNEE) + room - KNEE))


def to_xyz(primaries: tuple[tuple[float, float], ...]) -> Array:
    """Return the matrix from linear RGB to XYZ whose white has luminance 1 (SMPTE RP 177). [3, 3]"""
    columns = np.array([[x / y, 1.0, (1.0 - x - y) / y] for x, y in primaries]).T
    white = np.array([D65[0] / D65[1], 1.0, (1.0 - D65[0] - D65[1]) / D65[1]])
    return np.asarray(columns * np.linalg.solve(columns, white))
