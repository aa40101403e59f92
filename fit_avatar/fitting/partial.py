"""Frames that show a person in part: which methods take them, and what no frame shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture.assemble import given_files
from fit_avatar.capture.cut_off import CUT_OFF, describe_cut_off
from fit_avatar.capture.types import Capture, LeftOut
from fit_avatar.errors import NoPersonError
from fit_avatar.fitting.actions import ConsensusShape
from fit_avatar.fitting.batch import some_frames
from fit_avatar.fitting.schedule import Schedule

ENDS = {
    "upper arm": ("elbow",), "forearm": ("wrist",), "thigh": ("knee",), "lower leg": ("ankle",),
    "foot": ("big_toe", "heel"),
}  # fmt: skip
"""Parts of the body on either side, and the keypoints without which nothing is seen of where they point."""
TOO_FEW_WHOLE = (
    "The person is cut off in most frames, so that the preset motion was taken, which fits what is seen; --preset "
    "chooses another method."
)
"""What the user is told where too few frames show the whole person for a turn."""
BOTH = {"foot": "feet"}
"""What two of a part are called, if not by an s."""


@dataclass(frozen=True)
class PartialConfig:
    """Thresholds of what partial frames are good for. All were chosen by hand."""

    least_whole: float = 0.2
    """A clip of which a smaller fraction of the frames shows the whole person is no turn."""
    least_frames: int = 3
    """Nor is one with fewer such frames."""
    side_weight: float = 0.3
    """Where whole outlines are needed, a frame that lacks something at the picture's left or right has this weight."""
    least_confidence: float = 0.3
    """Keypoints of lower confidence are not seen."""
    ever: float = 0.02
    """A part is never seen if no larger fraction of the frames shows it: detectors err now and then."""


DEFAULT_PARTIAL = PartialConfig()


def whole_places(capture: Capture) -> NDArray[np.int64]:
    """Return the places in a capture of the frames that the picture cuts off neither at its top nor at its bottom."""
    cut = [frame.frame_index for frame in capture.cut_off if frame.lengthwise]
    return np.flatnonzero(~np.isin(capture.frame_indices, cut))


def shows_whole(capture: Capture, config: PartialConfig = DEFAULT_PARTIAL) -> bool:
    """Return whether enough frames of a capture show the whole person for a method that needs that."""
    whole = len(whole_places(capture))
    return whole >= max(config.least_frames, config.least_whole * len(capture.frame_indices)) or not capture.cut_off


def only_whole(capture: Capture, config: PartialConfig = DEFAULT_PARTIAL) -> Capture:
    """Return a capture without the frames that lack head or feet, for a method that needs whole outlines.

    Raises:
        NoPersonError: too few frames are left.
    """
    if not capture.cut_off:
        return capture
    cut = [frame for frame in capture.cut_off if frame.lengthwise]
    where = describe_cut_off(cut, len(capture.frame_indices))
    if not shows_whole(capture, config):
        files = given_files(capture.sources)
        remedy = f"make {files} without floor and background" if "masks" in files else "film from further away"
        raise NoPersonError(
            f"the person is cut off {where}, and this method needs whole outlines: {remedy}, so that head and feet are "
            "in the picture, or take the preset motion, which fits what is seen"
        )
    beside = [frame.frame_index for frame in capture.cut_off if not frame.lengthwise]
    weights = np.where(np.isin(capture.frame_indices, beside), config.side_weight, 1.0) * capture.frame_weights
    whole = some_frames(replace(capture, frame_weights=weights.astype(np.float32)), whole_places(capture))
    reasons = [LeftOut(frame.frame_index, CUT_OFF + " and ".join(frame.sides)) for frame in cut]
    said = (f"The person is cut off {where}; these frames are left out.",) if cut else ()
    return replace(
        whole,
        left_out=tuple(sorted((*capture.left_out, *reasons), key=lambda frame: frame.frame_index)),
        warnings=(*capture.warnings, *said),
    )


def never_seen(capture: Capture, config: PartialConfig = DEFAULT_PARTIAL) -> tuple[str, ...]:
    """Return the parts of the body that no frame shows, such as "left foot", from the shoulders to the feet."""
    u, v, confidence = np.moveaxis(capture.keypoints, -1, 0)
    inside = (u >= 0) & (u < capture.camera.width) & (v >= 0) & (v < capture.camera.height)
    seen = inside & (confidence > config.least_confidence)
    parts = [(f"{side} {part}", side, ends) for part, ends in ENDS.items() for side in ("left", "right")]
    return tuple(
        name
        for name, side, ends in parts
        if seen[:, [BODY_25.index(f"{side}_{end}") for end in ends]].any(1).mean() <= config.ever
    )


def partial_notes(capture: Capture, unseen: tuple[str, ...], clothed: bool = True) -> tuple[str, ...]:
    """Say where the person is cut off, and what is a guess because no frame shows it.

    Args:
        capture: the observations.
        unseen: parts that no frame shows.
        clothed: whether clothes are fitted, too.
    """
    where = describe_cut_off(capture.cut_off, len(capture.frame_indices))
    notes = [f"The person is cut off {where}: there they are fitted where they are seen."] if where else []
    if unseen:
        notes.append(f"No frame shows the {_listed(unseen)}: where they are, and how they look, is a guess.")
    if not clothed:
        notes.append("Without legs in the picture the shape of the naked body alone is fitted, and no clothes.")
    return tuple(notes)


def without_clothes(schedule: Schedule) -> Schedule:
    """Return a schedule that ends before its first consensus shape: betas alone."""
    places = [i for i, action in enumerate(schedule.actions) if isinstance(action, ConsensusShape)]
    return replace(schedule, actions=schedule.actions[: places[0]]) if places else schedule


def _listed(names: tuple[str, ...]) -> str:
    """Return names in words, two sides of a part as one: "left forearm, thighs and feet"."""
    parts: list[str] = []
    for name in names:
        side, part = name.split(" ", 1)
        other = f"{'right' if side == 'left' else 'left'} {part}"
        word = BOTH.get(part, f"{part}s") if other in names else name
        parts += [word] if word not in parts else []
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
