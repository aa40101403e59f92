"""Finding out why keypoints and masks do not belong together: mirrored, turned, moved, of other frames, of a part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.alignment import DEFAULT_ALIGNMENT, Alignment, Pair
from fit_avatar.capture.box import bounding_box
from fit_avatar.capture.points import BODY, People, Points
from fit_avatar.capture.refusals import Given
from fit_avatar.errors import BadInputError

Masks = Mapping[int, NDArray[np.generic]]
PARTS = {
    "shoulders": (2, 5), "elbows": (3, 6), "wrists": (4, 7), "hips": (9, 12), "knees": (10, 13), "ankles": (11, 14),
}  # fmt: skip
"""Points of BODY_25 on both sides of the body."""


@dataclass(frozen=True)
class DisagreementConfig:
    """When another explanation is believed. Depths are in half widths of a limb, see :meth:`Pair.depth`."""

    convinces: float = 0.9
    """Fraction of the points that must lie on the mask under another explanation. Chosen by hand."""
    min_gain: float = 0.2
    """Depth by which the points must lie further inside under it. Right pairs of the sample clips lose 0.3 when they
    are mirrored and 0.4 when they are 20 frames apart; chosen by hand."""
    off: float = 0.8
    """Only points of which fewer lie on the mask can be explained by a shift. Chosen by hand."""
    max_spread: float = 0.03
    """Spread of such a shift over the frames, in heights of the mask. Chosen by hand."""
    max_frames: int = 60
    """Frames by which keypoints and masks may be apart. Chosen by hand."""
    part: float = 1.25
    """Keypoints that are taller than this, in heights of the mask, show that it is of a part of the person. Eyes and
    toes of a whole person are 0.9 apart. Chosen by hand."""
    filled: float = 0.98
    """A mask that fills more of its bounding box than this is a box. Chosen by hand."""
    min_still: int = 8
    """So many frames with the same keypoints are a mistake, where the masks change. Chosen by hand."""


DEFAULT_DISAGREEMENT = DisagreementConfig()


def require_agreement(
    points: Mapping[int, Points],
    masks: Masks,
    size: tuple[int, int],
    given: Given,
    track: Mapping[int, Points] | None = None,
    people: Mapping[int, People] | None = None,
    config: DisagreementConfig = DEFAULT_DISAGREEMENT,
) -> None:
    """Refuse keypoints and masks that would agree if one of them were mirrored, turned, moved or of other frames.

    Args:
        points: frame index → a person's points in pixels of the picture. [25 or more, 3]
        masks: frame index → mask, at any scale. [h, w]
        size: width and height of the picture, in pixels.
        given: what the user gave; what was found by this program is not blamed.
        track: the person's points in frames that are not used, too, by which other frames are tried.
        people: everybody in the frames, among whom the masks' person is looked for.
        config: settings.

    Raises:
        BadInputError: with the explanation in one sentence.
    """
    common = sorted(points.keys() & masks.keys())
    chosen = [
        common[i] for i in np.unique(np.linspace(0, len(common) - 1, DEFAULT_ALIGNMENT.frames).round().astype(int))
    ] if common else []  # fmt: skip
    pairs = {
        index: pair
        for index in chosen
        if (pair := Pair.of(points[index][BODY], masks[index], size, DEFAULT_ALIGNMENT)) is not None
    }
    if not pairs:
        return
    _require_outlines([masks[index] for index in pairs], given, config)
    _require_motion(points, masks, given, config)
    explanation = _best_move(pairs, size, config) or _other_frames(pairs, track or points, config)
    if explanation:
        raise BadInputError(given.agree_only_if(explanation))
    _require_whole(list(pairs.values()), given, config)
    if people is not None and _another_person(pairs, people, config):
        raise BadInputError(
            f"{given.points_are} of another person than {given.person_is}: leave only that person in the keypoints"
        )


def unseen_parts(people: Mapping[int, People], name: str) -> tuple[str, ...]:
    """Return a warning if some parts of the body are in no frame of given keypoints.

    Args:
        people: frame index → everybody in the frame. [P, 137, 3]
        name: of the keypoints' file or folder.
    """
    seen = np.zeros(25, bool)
    for persons in people.values():
        seen |= (persons[:, BODY, 2] > DEFAULT_ALIGNMENT.min_confidence).any(0)
    missing = [part for part, both in PARTS.items() if not seen[list(both)].any()]
    if not seen.any() or not missing:
        return ()
    listed = " or ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
    return (f"The keypoints in {name} show no {listed} in any frame: masks alone say where they are.",)


def _require_outlines(masks: list[NDArray[np.generic]], given: Given, config: DisagreementConfig) -> None:
    if given.masks is None or not given.clip:
        return
    boxes = [(mask, box) for mask in masks if (box := bounding_box(np.asarray(mask, bool))) is not None]
    filled = [float(np.asarray(mask[box], bool).mean()) for mask, box in boxes]
    if filled and float(np.median(filled)) > config.filled:
        raise BadInputError(
            f"the masks in {given.masks} are filled boxes, not the person's outline: give masks of a segmentation"
        )


def _require_motion(points: Mapping[int, Points], masks: Masks, given: Given, config: DisagreementConfig) -> None:
    if given.keypoints is None or len(points) < config.min_still:
        return
    first, *others = (p[BODY] for p in points.values())
    if not all(np.array_equal(first, other) for other in others):
        return
    some, *rest = (masks[index] for index in points if index in masks)
    if any(some.shape != mask.shape or bool((some != mask).any()) for mask in rest):
        raise BadInputError(
            f"the keypoints in {given.keypoints} are the same in every frame, but the person moves: find them in each "
            "frame"
        )


def _best_move(pairs: Mapping[int, Pair], size: tuple[int, int], config: DisagreementConfig) -> str:
    """Return how the picture has to be changed so that the points lie on the masks; empty if that does not help."""
    as_given = _score(list(pairs.values()))
    w, h = size
    moves: dict[str, tuple[tuple[int, int, int, int], tuple[float, float]]] = {
        "mirrored, left to right": ((-1, 0, 0, 1), (w, 0)),
        "mirrored, top to bottom": ((1, 0, 0, -1), (0, h)),
        "turned upside down": ((-1, 0, 0, -1), (w, h)),
        "turned by 90° to the right": ((0, -1, 1, 0), (w, 0)),
        "turned by 90° to the left": ((0, 1, -1, 0), (0, h)),
    }
    shift = _shift(list(pairs.values()), config) if as_given[0] < config.off else None
    if shift is not None:
        moves[f"moved by about {_directions(*shift)}"] = ((1, 0, 0, 1), shift)
    scores = {
        name: _score([_moved(pair, np.reshape(matrix, (2, 2)), offset) for pair in pairs.values()])
        for name, (matrix, offset) in moves.items()
    }
    return _convincing(scores, as_given, config)


def _directions(right: float, down: float) -> str:
    sides = ((right, "right", "left"), (down, "down", "up"))
    words = [
        f"{abs(x):.0f} pixels {plus if x > 0 else minus}"
        for x, plus, minus in sides
        if abs(x) >= 0.2 * abs(right + down)
    ]
    return " and ".join(words)


def _moved(pair: Pair, matrix: NDArray[np.int64], offset: tuple[float, float]) -> Pair:
    uv = pair.points[:, :2] @ matrix.T + np.array(offset)
    return replace(pair, points=np.concatenate([uv, pair.points[:, 2:]], 1).astype(np.float32))


def _other_frames(pairs: Mapping[int, Pair], track: Mapping[int, Points], config: DisagreementConfig) -> str:
    """Return by how many frames the points must be moved to lie on the masks; empty if that does not help."""
    scores = {}
    for step in range(-config.max_frames, config.max_frames + 1):
        there = {index: track[index + step][BODY] for index in pairs if index + step in track}
        if abs(step) > 1 and len(there) >= max(3, len(pairs) // 2):
            seen = {i: p[p[:, 2] > DEFAULT_ALIGNMENT.min_confidence] for i, p in there.items()}
            moved = [replace(pairs[i], points=p) for i, p in seen.items() if len(p)]
            scores[f"taken from {abs(step)} frames {'later' if step > 0 else 'earlier'}"] = (
                _score(moved) if moved else (0, 0)
            )
    return _convincing(scores, _score(list(pairs.values())), config)


def _convincing(
    scores: Mapping[str, tuple[float, float]], as_given: tuple[float, float], config: DisagreementConfig
) -> str:
    good = {
        name: depth
        for name, (fraction, depth) in scores.items()
        if fraction >= max(config.convinces, as_given[0]) and depth >= as_given[1] + config.min_gain
    }
    return max(good, key=lambda name: good[name], default="")


def _score(pairs: list[Pair]) -> tuple[float, float]:
    """Return which fraction of the points lies on the masks, and how deep they lie inside on average."""
    fraction = float(np.mean([pair.on_mask(Alignment()) for pair in pairs]))
    return fraction, float(np.median([pair.depth(Alignment()) for pair in pairs])) / DEFAULT_ALIGNMENT.limb


def _shift(pairs: list[Pair], config: DisagreementConfig) -> tuple[float, float] | None:
    """Return the shift from the points' middle to the masks', in pixels, if it is the same in all frames."""
    shifts = np.array([pair.middle - (pair.points[:, :2].min(0) + pair.points[:, :2].max(0)) / 2 for pair in pairs])
    spread = np.median(np.abs(shifts - np.median(shifts, 0)), 0) / np.median([pair.height for pair in pairs])
    # The middle of the points lies below the mask's, which includes the hair, by little.
    right, down = np.median(shifts, 0).tolist()
    return (right, down) if bool((spread < config.max_spread).all()) else None


def _require_whole(pairs: list[Pair], given: Given, config: DisagreementConfig) -> None:
    ratio = float(np.median([np.ptp(pair.points[:, 1]) / pair.height for pair in pairs]))
    if given.masks is not None and ratio > config.part:
        raise BadInputError(
            f"the masks in {given.masks} show only a part of the person ({100 / ratio:.0f} % of the height of "
            f"{given.points_name}): give masks of the whole person with hair, clothes and shoes"
        )


def _another_person(pairs: Mapping[int, Pair], people: Mapping[int, People], config: DisagreementConfig) -> bool:
    """Return whether somebody else lies on most masks, and the person who was taken does not."""
    if _score(list(pairs.values()))[0] > config.off / 2:
        return False

    def on_mask(index: int) -> float:
        bodies = [body[body[:, 2] > DEFAULT_ALIGNMENT.min_confidence] for body in people[index][:, BODY]]
        return max((replace(pairs[index], points=b).on_mask(Alignment()) for b in bodies if len(b)), default=0.0)

    return float(np.median([on_mask(index) if index in people else 0.0 for index in pairs])) >= config.convinces
