"""What the values of given masks mean: grey levels, class numbers, colours, or a transparent picture's alpha."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.types import PERSON_LEVEL, Mask
from fit_avatar.errors import BadInputError

Picture = NDArray[Any]
"""As in the file: [H, W], [H, W, 3] or [H, W, 4], of 8 or 16 bits."""


@dataclass(frozen=True)
class MaskValueConfig:
    """Settings of the guess at what the values mean. Grey levels are in 0..255."""

    max_flat_values: int = 64
    """Pictures of class numbers or colours have at most so many values; soft edges have more. Chosen by hand."""
    min_dark_part: float = 0.2
    """If this fraction of all that is not black is darker than one half, it is a class or a colour, not an edge. Chosen
    by hand."""
    min_dark_part_of_soft: float = 0.5
    """The same for pictures of more values, such as class numbers in a lossy file. Chosen by hand."""
    compressed_black: int = 24
    """Up to this level a lossy file's black may be; a lossless one's is 0. Chosen by hand."""
    plain_colour: int = 24
    """Up to this difference of a channel, in grey levels, pixels have the same colour. Chosen by hand."""
    inverted_border: float = 0.75
    """If more than this fraction of the border's pixels are the person, the mask shows the background. Chosen by
    hand."""


DEFAULT_MASK_VALUES = MaskValueConfig()


@dataclass(frozen=True)
class MaskValues:
    """How the pictures of one set of masks are read; the same for all of them."""

    alpha: bool = False
    """The person is where the picture is opaque."""
    level: int = PERSON_LEVEL
    """Values above this are the person."""
    inverted: bool = False
    """The person is dark instead."""
    note: str = ""
    """What was recognised, for the user: the end of a sentence."""

    @classmethod
    def of(
        cls,
        samples: Sequence[Picture],
        where: str,
        lossless: bool = True,
        config: MaskValueConfig = DEFAULT_MASK_VALUES,
    ) -> MaskValues:
        """Find out what the values mean from some pictures of the set.

        Args:
            samples: pictures as they are in their files.
            where: the file or folder, for messages.
            lossless: whether values are exact, as in PNG.
            config: settings.

        Raises:
            BadInputError: the pictures are coloured up to the border.
        """
        alpha = any(image.ndim == 3 and image.shape[2] == 4 and int(image[..., 3].min()) < 255 for image in samples)
        reading = cls(alpha=alpha, note="alpha is the mask" if alpha else "")
        greys = [reading.grey(image) for image in samples]
        black = 0 if lossless else config.compressed_black
        coloured = not alpha and any(_is_coloured(image, black) for image in samples)
        if _is_dark(greys, black, coloured, config):
            what = "colours" if coloured else "numbers of classes or objects"
            reading = cls(alpha, black, note=f"values are {what}: all that is not black is the person")
        borders = [reading.person(image) for image in samples]
        if samples and np.mean([_on_border(mask) for mask in borders]) > config.inverted_border:
            if coloured:
                raise BadInputError(_coloured(samples, where, config))
            note = "white is the background: they were inverted"
            reading = cls(alpha, reading.level, True, note)
        return reading

    def grey(self, image: Picture) -> NDArray[np.uint8]:
        """Return a picture's alpha, or its brightest channel. [H, W]"""
        if image.dtype == np.uint16:
            # 16-bit masks are soft, unless they number classes.
            image = (image >> 8 if int(image.max(initial=0)) > 255 else image).astype(np.uint8)
        if image.ndim == 2:
            return np.asarray(image, np.uint8)
        return np.asarray(image[..., 3] if self.alpha else image[..., :3].max(-1), np.uint8)

    def person(self, image: Picture, size: tuple[int, int] | None = None) -> Mask:
        """Return where the person is, resized to a width and height if they differ. [H, W]"""
        grey = self.grey(image)
        if self.level != PERSON_LEVEL:
            grey = np.where(grey > self.level, 255, 0).astype(np.uint8)
        if size is not None and grey.shape != (size[1], size[0]):
            smaller = grey.shape[0] > size[1]
            grey = np.asarray(
                cv2.resize(grey, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC), np.uint8
            )
        return np.asarray((grey > PERSON_LEVEL) != self.inverted)


def _coloured(samples: Sequence[Picture], where: str, config: MaskValueConfig) -> str:
    """Return a sentence about pictures that are coloured up to the border: cut-outs on a colour, or the scene."""
    borders = [np.concatenate([im[0], im[:, 0], im[:, -1]])[:, :3] for im in samples if im.ndim == 3]
    colours = np.concatenate(borders).astype(np.int32)
    middle = np.median(colours, 0)
    if float((np.abs(colours - middle).max(-1) <= config.plain_colour).mean()) > config.inverted_border:
        blue, green, red = middle.astype(int).tolist()
        return (
            f"the masks {where} are coloured pictures whose background is one colour (red {red}, green {green}, blue "
            f"{blue}) and not black: paint it black, make it transparent, or give masks that are white on the person"
        )
    return (
        f"the masks {where} are pictures of a scene, such as the clip itself, not masks: give pictures that are white "
        "on the person and black elsewhere, or transparent there"
    )


def _is_coloured(image: Picture, tolerance: int) -> bool:
    if image.ndim == 2:
        return False
    channels = image[..., :3].astype(np.int32)
    return bool((np.ptp(channels, axis=-1) > max(tolerance, 8)).any())


def _is_dark(greys: Sequence[NDArray[np.uint8]], black: int, coloured: bool, config: MaskValueConfig) -> bool:
    """Return whether much of what is not black is below one half, so that it is no soft edge of a white mask."""
    if not greys:
        return False
    counts = np.sum([np.bincount(grey.ravel(), minlength=256) for grey in greys], axis=0)
    bright, dark = int(counts[PERSON_LEVEL + 1 :].sum()), int(counts[black + 1 : PERSON_LEVEL + 1].sum())
    if bright + dark == 0:
        return False
    background = np.mean([_on_border(grey <= black) for grey in greys])
    flat = coloured or int((counts > 0).sum()) <= config.max_flat_values
    part = config.min_dark_part if flat else config.min_dark_part_of_soft
    return bool(background > 0.5 and (bright == 0 or dark > part * (bright + dark)))


def _on_border(mask: Mask) -> float:
    """Return which fraction of the top, left and right border is on the mask: feet may stand on the bottom."""
    return float(np.concatenate([mask[0], mask[:, 0], mask[:, -1]]).mean())
