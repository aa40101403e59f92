"""Comparing given keypoints with the person's masks: are they for another picture size, or y before x?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.points import BODY, Points
from fit_avatar.errors import BadInputError

LENGTHS = (
    160, 192, 240, 256, 288, 320, 360, 368, 384, 416, 432, 480, 512, 540, 576, 600, 640, 656, 720, 736, 768, 800, 810,
    854, 900, 960, 1000, 1024, 1080, 1152, 1200, 1280, 1334, 1440, 1536, 1600, 1920, 2048, 2160, 2560, 2880, 3840, 4096,
    4320,
)  # fmt: skip
"""Sides of pictures that detectors and videos have, in pixels (OpenPose's network: 368)."""
RATIOS = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 4 / 5, 5 / 4, 4 / 3, 3 / 2, 2, 3, 4)
"""Factors by which people shrink or enlarge pictures."""
ANY_FACTOR = tuple(float(factor) for factor in np.geomspace(0.1, 10.0, 461))
"""All factors that are tried, one per cent apart, to find out whether a usual one is right."""


@dataclass(frozen=True)
class AlignmentConfig:
    """Settings of the comparison."""

    frames: int = 12
    """So many frames are compared. Chosen by hand."""
    mask_side: int = 320
    """Longer side of the masks that are compared, in pixels. Chosen by hand."""
    min_confidence: float = 0.3
    """Points below this confidence do not count. Chosen by hand."""
    agrees: float = 0.8
    """Keypoints belong to a mask if at least this fraction of them lies on it … Chosen by hand."""
    convinces: float = 0.85
    """… and if they have to be changed for that, at least this fraction. Chosen by hand."""
    min_gain: float = 0.15
    """… which must be larger by this than before. Chosen by hand."""
    heights: tuple[float, float] = (0.7, 1.1)
    """Range of the height of all keypoints in heights of the mask. From the eyes to the toes it is about 0.9; chosen by
    hand."""
    max_factor_error: float = 0.015
    """Relative distance from the best factor at which the ratio of two usual picture sizes still explains it. Chosen by
    hand."""
    limb: float = 0.04
    """Distance from the mask's edge above which a point is well inside, in heights of the mask. Chosen by hand."""


DEFAULT_ALIGNMENT = AlignmentConfig()


@dataclass(frozen=True)
class Alignment:
    """How keypoints are put right: multiplied by a factor, after x and y were exchanged."""

    factor: float = 1.0
    y_first: bool = False

    def apply(self, points: Points) -> Points:
        """Return changed points. [..., 3]"""
        out = points.copy()
        uv = points[..., 1::-1] if self.y_first else points[..., :2]
        out[..., :2] = np.where(points[..., 2:] > 0, self.factor * uv, points[..., :2])
        return out

    def note(self, name: str) -> str:
        """Return a sentence for the user about keypoints in a file of that name."""
        done = ["have y before x and were exchanged"] if self.y_first else []
        if self.factor != 1.0:
            done.append(f"are for a picture of another size and were multiplied by {self.factor:.4g}")
        return f"The keypoints in {name} {' and '.join(done)}; only then do they lie on the person."


def align(
    points: Mapping[int, Points],
    masks: Mapping[int, NDArray[np.generic]],
    size: tuple[int, int],
    name: str,
    config: AlignmentConfig = DEFAULT_ALIGNMENT,
) -> Alignment | None:
    """Find the change after which keypoints lie on the person's masks.

    Args:
        points: frame index → a person's points in pixels of the picture. [25 or more, 3]
        masks: frame index → mask, at any scale. [h, w]
        size: width and height of the picture, in pixels.
        name: of the keypoints' file or folder, for messages.
        config: settings.

    Returns:
        The change, or ``None`` if the keypoints lie on the masks already or no such change helps.

    Raises:
        BadInputError: a factor helps, but it is no ratio of two usual sizes.
    """
    common = sorted(points.keys() & masks.keys())
    if not common:
        return None
    chosen = [common[i] for i in np.unique(np.linspace(0, len(common) - 1, config.frames).round().astype(int))]
    pairs = [pair for i in chosen if (pair := Pair.of(points[i][BODY], masks[i], size, config)) is not None]
    as_given = _fraction(pairs, Alignment()) if pairs else 1.0
    if as_given >= config.agrees:
        return None
    best = _best(pairs, ANY_FACTOR)
    if best is None or _fraction(pairs, best) < as_given + config.min_gain:
        return None
    usual = [*RATIOS, 1.0, *(side / length for side in size for length in LENGTHS)]
    near = [factor for factor in usual if abs(factor / best.factor - 1.0) <= config.max_factor_error]
    found = _best(pairs, near)
    if found is None:
        raise BadInputError(
            f"the keypoints {name} lie on the person only if they are multiplied by about {best.factor:.2g}: they were "
            "found in a picture of another size, so find them in this one"
        )
    return found


def _best(pairs: list[Pair], factors: Iterable[float]) -> Alignment | None:
    """Return the change by one of the factors after which the points lie deepest inside the masks, if one convinces."""
    changes = [Alignment(factor, y_first) for factor in factors for y_first in (False, True)]
    good = [change for change in changes if _fraction(pairs, change) >= pairs[0].config.convinces]
    return max(good, key=lambda change: float(np.median([pair.depth(change) for pair in pairs])), default=None)


def _fraction(pairs: list[Pair], change: Alignment) -> float:
    return float(np.median([pair.on_mask(change) for pair in pairs]))


@dataclass(frozen=True)
class Pair:
    """A frame's points, and how far inside of its mask every pixel is."""

    points: Points
    """Seen points, in pixels of the picture. [N, 3]"""
    inside: NDArray[np.float32]
    """Signed distance to the mask's edge in heights of the mask, positive inside. [h, w]"""
    scale: tuple[float, float]
    """From the picture to the mask."""
    height: float
    """The mask's, in pixels of the picture."""
    middle: NDArray[np.float64]
    """Of the mask's bounding box, in pixels of the picture. [2]"""
    config: AlignmentConfig

    @classmethod
    def of(cls, body: Points, mask: NDArray[np.generic], size: tuple[int, int], config: AlignmentConfig) -> Pair | None:
        """Return the pair, if enough points are seen and the mask is not empty."""
        seen = body[body[:, 2] > config.min_confidence]
        side = config.mask_side / max(mask.shape)
        small = cv2.resize(mask.astype(np.uint8), None, fx=side, fy=side, interpolation=cv2.INTER_NEAREST)
        rows, columns = np.flatnonzero(small.any(1)), np.flatnonzero(small.any(0))
        if len(seen) < 6 or not len(rows):
            return None
        height = float(rows[-1] - rows[0] + 1)
        inside = cv2.distanceTransform(small, cv2.DIST_L2, 3) - cv2.distanceTransform(1 - small, cv2.DIST_L2, 3)
        scale = (small.shape[1] / size[0], small.shape[0] / size[1])
        middle = np.array([(columns[0] + columns[-1] + 1) / scale[0], (rows[0] + rows[-1] + 1) / scale[1]]) / 2.0
        return cls(seen, np.asarray(inside / height, np.float32), scale, height / scale[1], middle, config)

    def _depths(self, change: Alignment) -> NDArray[np.float32]:
        uv = change.apply(self.points)[:, :2]
        x, y = (np.clip(uv[:, k] * self.scale[k], -1e6, 1e6).astype(int) for k in (0, 1))
        h, w = self.inside.shape
        depth = self.inside[np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)]
        out = np.where((x < 0) | (y < 0) | (x >= w) | (y >= h), -1.0, depth)
        low, high = self.config.heights
        if not low <= np.ptp(uv[:, 1]) / self.height <= high:
            out = np.minimum(out, -1.0)
        return np.asarray(out, np.float32)

    def on_mask(self, change: Alignment) -> float:
        """Return which fraction of the points lies on the mask; none if they are much larger or smaller than it."""
        if change == Alignment():
            uv = self.points[:, :2]
            x, y = (np.clip(uv[:, k] * self.scale[k], 0, self.inside.shape[1 - k] - 1).astype(int) for k in (0, 1))
            return float((self.inside[y, x] > -self.config.limb).mean())
        return float((self._depths(change) > -self.config.limb).mean())

    def depth(self, change: Alignment) -> float:
        """Return how far inside of the mask the points are on average, each up to a limb's half width."""
        return float(np.clip(self._depths(change), -self.config.limb, self.config.limb).mean())
