"""Masks of the frames that show the person: taken or made, checked against each other, and weighed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fit_avatar.capture.candidate import Candidate
from fit_avatar.capture.crowd import is_doubtful
from fit_avatar.capture.cut_off import CUT_OFF, describe_cut_off
from fit_avatar.capture.kept_pictures import KeptPictures, Part
from fit_avatar.capture.mask_check import MISMATCH, check_masks, clean_mask, person_sharpness
from fit_avatar.capture.observer import Observer
from fit_avatar.capture.points import BODY, Points
from fit_avatar.capture.refine import MaskRefiner
from fit_avatar.capture.selection import relative_sharpness
from fit_avatar.capture.slots import NOT_DECODED
from fit_avatar.capture.types import CutOff, Image, Mask
from fit_avatar.errors import BadInputError, NoPersonError
from fit_avatar.io.threads import in_threads


@dataclass(frozen=True)
class MaskedFrame:
    """A frame with its mask, before it is checked."""

    points: Points
    """All points, corrected. [137, 3]"""
    mask: Mask
    """Cleaned. [H, W]"""
    sharpness: float
    """Of the person."""
    doubtful: bool = False
    """Whether the mask may hold a part of somebody else."""


def mask_frames(
    observer: Observer,
    found: Mapping[int, Candidate],
    points: Mapping[int, Points],
    given: dict[int, Mask] | None,
    places: Mapping[int, int],
    still: bool = True,
    kept: KeptPictures | None = None,
) -> dict[int, MaskedFrame]:
    """Take or make each frame's mask, and clean it. Frame index → masked frame, for those that have a mask

    ``still``: the camera may stand still, so that the scene without the person can be learnt. ``kept`` takes what
    each frame shows of the person.
    """
    indices = [index for index in points if given is None or index in given]
    observer.leave_out(points.keys() - indices, "there is no mask for it")
    maker = None if given is not None else _mask_maker(observer, found, indices, places, still)
    make_mask = maker or (lambda index, frame: (given or {}).pop(index))
    step = "Refining the masks" if given is None else "Checking the masks"
    crowded = any(found[index].others is not None for index in indices)
    masked: dict[int, MaskedFrame] = {}

    def mask_frame(item: tuple[int, Image]) -> tuple[int, MaskedFrame, Part | None]:
        index, frame = item
        mask = clean_mask(make_mask(index, frame), points[index][BODY], observer.config.mask_check)
        coarse = found[index].probability
        doubtful = crowded and coarse is not None and is_doubtful(mask, coarse, observer.config.crowd)
        doubtful |= found[index].crossed and given is None
        done = MaskedFrame(points[index], mask, person_sharpness(frame, mask), doubtful)
        return index, done, None if kept is None else kept.part(frame, mask)

    for index, frame, part in in_threads(mask_frame, observer.clip.frames(indices)):
        masked[index] = frame
        observer.clip.drop([index])
        if kept is not None and part is not None:
            kept.keep(index, part)
        observer.report(step, len(masked), len(indices))
    observer.leave_out(set(indices) - masked.keys(), NOT_DECODED)
    return masked


def weigh_frames(
    observer: Observer, masked: Mapping[int, MaskedFrame], candidates: Collection[int]
) -> dict[int, np.float32]:
    """Check the masks against each other, the keypoints and the frame's border.

    Args:
        observer: notes the frames that are not used, and those that show the person in part.
        masked: the frames that have a mask.
        candidates: all frames that show the person, for the message if too few of them are usable.

    Returns:
        Frame index → weight of the usable frames.

    Raises:
        NoPersonError: most frames show too little of the person, or too few frames are usable.
    """
    config, frames = observer.config, list(masked.values())
    _require_frames(observer, len(frames), candidates)
    keypoints = np.stack([frame.points[BODY] for frame in frames])
    checks = check_masks([frame.mask for frame in frames], keypoints, config.mask_check)
    _require_agreement(observer, sum(check.reason == MISMATCH for check in checks), len(checks))
    cut_off = [CutOff(index, check.sides) for index, check in zip(masked, checks, strict=True)]
    too_little = [one for one, check in zip(cut_off, checks, strict=True) if check.reason.startswith(CUT_OFF)]
    if len(too_little) > config.max_cut_off * len(checks):
        raise NoPersonError(observer.given.cut_off(describe_cut_off(too_little, len(checks))))
    sharpness = relative_sharpness(np.array([frame.sharpness for frame in frames], np.float32), config.selection)
    sharpness = np.clip(sharpness / config.full_weight_sharpness, config.mask_check.low_weight, 1.0)
    doubts = [config.crowd.weight if frame.doubtful else 1.0 for frame in frames]
    weights = np.array([check.weight for check in checks], np.float32) * (sharpness * doubts).astype(np.float32)
    for index, check in zip(masked, checks, strict=True):
        if check.weight == 0.0:
            observer.leave_out([index], check.reason)
    usable = {index: weight for index, weight in zip(masked, weights, strict=True) if weight > 0.0}
    _require_frames(observer, len(usable), candidates)
    observer.cut_off += [frame for frame in cut_off if frame.sides and frame.frame_index in usable]
    return usable


def _mask_maker(
    observer: Observer, found: Mapping[int, Candidate], indices: Sequence[int], places: Mapping[int, int], still: bool
) -> Callable[[int, Image], Mask]:
    """Learn colours and background from some frames of each place, and return what refines any frame's mask."""
    probabilities = {index: p for index in indices if (p := found[index].probability) is not None}
    observer.report("Refining the masks", 0, len(indices))
    crowded = any(found[index].others is not None for index in indices)
    refiners = {}
    for place in sorted({places.get(index, 0) for index in indices}):
        here = [index for index in indices if places.get(index, 0) == place]
        some = np.unique(np.linspace(0, len(here) - 1, _learning_frames(observer)).round().astype(int))
        samples = list(observer.clip.frames([here[i] for i in some]))
        refiner = MaskRefiner.learn(
            [(frame, probabilities[i]) for i, frame in samples],
            [found[i].points[BODY] for i, _ in samples],
            observer.config.refinement,
            still,
        )
        refiners[place] = replace(refiner, crowded=crowded)

    def refine(index: int, frame: Image) -> Mask:
        one = found[index]
        return refiners[places.get(index, 0)].refine(frame, probabilities[index], one.points[BODY], one.others)

    return refine


def _learning_frames(observer: Observer) -> int:
    affordable = observer.config.learning_bytes // (3 * observer.clip.width * observer.clip.height)
    return max(observer.config.min_frames, min(observer.config.learning_frames, affordable))


def _require_agreement(observer: Observer, mismatched: int, count: int) -> None:
    """Refuse given keypoints or masks that do not show the same person in most frames."""
    if (observer.given.keypoints or observer.given.masks) and mismatched > observer.config.max_mismatch * count:
        raise BadInputError(observer.given.mismatch(mismatched, count))


def _require_frames(observer: Observer, count: int, candidates: Collection[int]) -> None:
    if count < observer.config.min_frames:
        reasons = sorted({x.reason for x in observer.left_out if x.frame_index in candidates})
        raise NoPersonError(observer.given.too_few(count, reasons))
