"""Faces and hands that were given without a body: they join the body that the built-in detector finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture.person import MIN_CONFIDENCE, body_size
from fit_avatar.capture.points import BODY, FACE, LEFT_HAND, NUM_POINTS, RIGHT_HAND, People, Points
from fit_avatar.errors import BadInputError

MAX_DISTANCE = 0.12
"""A part is at most this far from the body's point that it belongs to, in body sizes: a face's middle is 0.02 from the
nose, a hand's 0.05 from the wrist. Chosen by hand."""
PLACES = {"nose": FACE, "left_wrist": LEFT_HAND, "right_wrist": RIGHT_HAND}
"""Point of the body → the part that belongs there."""


@dataclass(frozen=True)
class GivenParts:
    """What keypoint files hold of people whose bodies they do not hold, as OpenPose writes with ``--body 0``."""

    people: Mapping[int, People]
    """Frame index → people, of whom only face and hands are seen. [P, 137, 3]"""
    path: Path
    """The files."""

    @property
    def note(self) -> str:
        """Return the sentence for the user."""
        return (
            f"The keypoints in {self.path.name} hold face and hands alone: the body is found by the built-in pose "
            "model, and they are used where they lie on it."
        )

    def attach(self, bodies: Mapping[int, Points], scale: NDArray[np.float32]) -> dict[int, Points]:
        """Return the points of bodies with each part that lies where the body has its place.

        Args:
            bodies: frame index → all points, of which the body's are known. [137, 3]
            scale: factors from the pixels of the files to the bodies'. [3]

        Raises:
            BadInputError: no part lies on the person, in any frame.
        """
        joined = {i: _joined(body, self.people[i] * scale) if i in self.people else body for i, body in bodies.items()}
        if not any((points[BODY.stop :, 2] > 0).any() for points in joined.values()):
            raise BadInputError(
                f"the faces and hands in {self.path} lie on nobody whom the built-in pose model finds: find them in "
                "this video, or leave them out"
            )
        return joined


def without_bodies(people: Mapping[int, People]) -> bool:
    """Return whether keypoints show faces or hands, and no body in any frame. Frame index → people [P, 137, 3]"""
    everybody = np.concatenate([np.zeros((1, NUM_POINTS, 3), np.float32), *people.values()])
    seen = (everybody[..., 2] > MIN_CONFIDENCE).max(0)
    return bool(seen[BODY.stop :].max() and not seen[BODY].max())


def _joined(body: Points, people: People) -> Points:
    joined = body.copy()
    for name, place in PLACES.items():
        u, v, confidence = body[BODY_25.index(name)]
        parts = [part for part in people[:, place] if (part[:, 2] > MIN_CONFIDENCE).any()]
        if confidence <= MIN_CONFIDENCE or not parts:
            continue
        distances = [np.hypot(*(part[part[:, 2] > MIN_CONFIDENCE, :2].mean(0) - (u, v))) for part in parts]
        nearest = int(np.argmin(distances))
        if distances[nearest] <= MAX_DISTANCE * body_size(body):
            joined[place] = parts[nearest]
    return joined
