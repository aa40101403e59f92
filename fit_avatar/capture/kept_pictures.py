"""The part of every used frame around the person, kept from its first decoding for the stages that look at no more.

Shoes, ears, points of the surface and the texture are looked at in the same frames, one after the other. A video is
decoded from its start, so that one frame that is missing costs nearly as much as all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fit_avatar.capture.camera import is_distorted, undistort
from fit_avatar.capture.types import PERSON_LEVEL, Camera, Image, Mask

MEMORY_BYTES = 250_000_000
"""If the parts of all frames are larger than this, none is kept: 120 frames of a person who is 940 pixels high take
220 MB. Chosen by hand."""
MARGIN, MARGIN_PX = 0.03, 24
"""What is kept around the person, as a fraction of the mask's height, and pixels beyond that. The tracker takes such a
fraction, the texture 16 pixels."""


@dataclass(frozen=True)
class Part:
    """What a picture shows around the person."""

    image: Image
    """[h, w, 3]"""
    top: int
    left: int
    size: tuple[int, int]
    """Height and width of the whole picture."""

    @classmethod
    def around(cls, picture: Image, mask: Mask) -> Part:
        """Cut out the person, with a margin; where there is nobody, all of the picture is kept."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return cls(picture, 0, 0, (mask.shape[0], mask.shape[1]))
        margin = round(MARGIN * len(rows)) + MARGIN_PX
        top, left = max(int(rows[0]) - margin, 0), max(int(columns[0]) - margin, 0)
        image = picture[top : int(rows[-1]) + margin + 1, left : int(columns[-1]) + margin + 1]
        return cls(image.copy(), top, left, (mask.shape[0], mask.shape[1]))

    def picture(self) -> Image:
        """Return a picture of the whole size, black away from the person. [H, W, 3]"""
        whole = np.zeros((*self.size, 3), np.uint8)
        height, width = self.image.shape[:2]
        whole[self.top : self.top + height, self.left : self.left + width] = self.image
        return whole


@dataclass
class KeptPictures:
    """Undistorted pictures of the person in the frames of one capture; all or none of them, as far as memory allows.

    Whoever runs the stages owns them. The observation fills them, and the last stage that looks takes them out.
    """

    camera: Camera
    """With the lens distortion that is in the pictures that come."""
    most_bytes: int = MEMORY_BYTES
    _parts: dict[int, Part] = field(default_factory=dict)
    _bytes: int = 0

    def part(self, picture: Image, mask: Mask) -> Part | None:
        """Return what is to be kept of a frame, if anything; picture [H, W, 3] and mask [H, W] as the camera sees them.

        Pictures may come in several threads.
        """
        if self._bytes > self.most_bytes:
            return None
        if is_distorted(self.camera):
            picture = undistort(picture, self.camera)
            mask = undistort(mask.astype(np.uint8) * 255, self.camera) > PERSON_LEVEL
        return Part.around(picture, mask)

    def keep(self, index: int, part: Part) -> None:
        """Keep a frame, if there is room for all of them."""
        self._bytes += part.image.nbytes
        if self._bytes <= self.most_bytes:
            self._parts[index] = part
        else:
            self._parts.clear()

    def get(self, index: int, last: bool = False) -> Image | None:
        """Return a frame's picture, black away from the person; None if it is not kept. ``last``: no longer keep it"""
        part = self._parts.pop(index, None) if last else self._parts.get(index)
        return None if part is None else part.picture()

    def __contains__(self, index: object) -> bool:
        return index in self._parts
