"""How far each limb can be trusted, without the truth: where detector and fit differ, and what pictures cannot tell.

Agreement in 2D does not show a limb that points to the camera instead of away from it. The detector's directions do,
but they err themselves: arms are more than 30° off in every sixth frame of the rendered clips, legs in every ninetieth.
Worst is an upper arm whose forearm points to the camera: the hand hides the elbow, and both the detector and the fit
may be sure of the wrong way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_points
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture, LimbDirections
from fit_avatar.report.hidden_limbs import behind_others, hidden_sentences, unseen

NAMES = {
    "shoulder-elbow": "upper arm", "elbow-wrist": "forearm", "hip-knee": "thigh", "knee-ankle": "shin",
}  # fmt: skip
"""What limbs are called, by their ends without the side."""
LIMBS_OF_A_PERSON = {
    f"{side} {name}": (f"{side}_{ends.split('-')[0]}", f"{side}_{ends.split('-')[1]}")
    for ends, name in NAMES.items()
    for side in ("left", "right")
}
"""The points of BODY_25 at both ends of each limb."""


@dataclass(frozen=True)
class LimbConfig:
    """When a limb is said to be wrong or doubtful. Chosen on rendered clips whose fit is known to be right or wrong."""

    max_sigma_rad: float = math.radians(20)
    """Directions with more noise are not compared."""
    wrong_rad: float = math.radians(50)
    """A limb that is further off is wrong in this frame: three times the noise and more."""
    wrong_part: float = 0.25
    """A limb is named that is wrong in a larger part of the frames that show it."""
    wrong_part_of_arms: float = 0.5
    """The same for arms, of which the detector errs more often."""
    min_frames: int = 5
    """Limbs that fewer frames show are not judged."""
    end_on: float = 0.85
    """A forearm of which a larger share of the length points to the camera hides the elbow. Of the frames of ten
    clips in which an upper arm is more than 30° wrong, 85 % are found; 51 % of those that are found are wrong. Chosen
    anew on five of the clips, over all ways to part them, the other five give 50 % and 39 %: too few arms are wrong to
    choose more finely."""
    other_way_rad: float = math.radians(40)
    """The upper arm is doubtful then if it would point this far elsewhere when mirrored in depth. Chosen likewise."""
    doubtful_part: float = 0.25
    """A limb is named that is doubtful in a larger part of the frames."""
    hidden_confidence: float = 0.3
    """A limb is hidden where the detector is less sure of one of its ends. Chosen by hand."""


LIMBS = LimbConfig()


@dataclass(frozen=True)
class LimbTrust:
    """How far one limb can be trusted over a clip."""

    name: str
    """Such as "left upper arm"."""
    frames: int
    """Of the clip."""
    compared: int
    """Frames in which the detector is sure enough of the direction to compare it."""
    off: int
    """Of these, in which the fit is more than :attr:`LimbConfig.wrong_rad` off it."""
    off_deg: float | None
    """The median angle between both; None if nothing can be compared."""
    doubtful: int
    """Frames in which the picture does not tell whether the limb points to the camera or away from it."""
    other_way_deg: float | None
    """The median angle to the limb as it would be the other way, in these frames; None if there are none."""
    hidden: int
    """Frames in which one of its ends is not seen."""
    behind: int = 0
    """Of these, in which somebody else hides it."""
    unseen: int = 0
    """Of these, in which it is in the picture."""

    @property
    def is_arm(self) -> bool:
        """Return whether it is a part of an arm."""
        return self.name.endswith("arm")


def limb_trust(body: Body, state: BodyState, capture: Capture, config: LimbConfig = LIMBS) -> tuple[LimbTrust, ...]:
    """Return how far each limb can be trusted.

    Args:
        body: the body.
        state: shape and the poses of the capture's T frames.
        capture: keypoints and, if the detector gives them, directions of limbs.
        config: thresholds.
    """
    points = _ends(body, state)
    along, rays = _unit(points[:, :, 1] - points[:, :, 0]), _unit(points[:, :, 0])
    ends = [[BODY_25.index(point) for point in pair] for pair in LIMBS_OF_A_PERSON.values()]
    sure = capture.keypoints[:, ends, 2].min(-1)
    where = capture.camera.project(points), sure, capture
    behind, never = behind_others(*where), unseen(*where)
    found = []
    for k, (name, (start, end)) in enumerate(LIMBS_OF_A_PERSON.items()):
        angles = _against_detector(along[:, k], f"{start}-{end}", capture.limb_directions, config)
        other = 2 * np.arcsin(np.clip(np.abs((along[:, k] * rays[:, k]).sum(-1)), 0, 1))
        doubtful = _behind_forearm(name, along, rays, config) & (other > config.other_way_rad)
        compared = np.isfinite(angles)
        found.append(
            LimbTrust(
                name=name,
                frames=len(along),
                compared=int(compared.sum()),
                off=int((angles[compared] > config.wrong_rad).sum()),
                off_deg=float(np.degrees(np.median(angles[compared]))) if compared.any() else None,
                doubtful=int(doubtful.sum()),
                other_way_deg=float(np.degrees(np.median(other[doubtful]))) if doubtful.any() else None,
                hidden=int((sure[:, k] < config.hidden_confidence).sum()),
                behind=int(behind[:, k].sum()),
                unseen=int(never[:, k].sum()),
            )
        )
    return tuple(found)


def limb_warnings(limbs: tuple[LimbTrust, ...], config: LimbConfig = LIMBS) -> tuple[str, ...]:
    """Return a warning for each limb that may be in the wrong place, and of those that nothing shows."""
    warnings = []
    for limb in limbs:
        part = config.wrong_part_of_arms if limb.is_arm else config.wrong_part
        if limb.compared >= config.min_frames and limb.off > part * limb.compared:
            warnings.append(
                f"The {limb.name} is more than {math.degrees(config.wrong_rad):.0f}° off the direction that the "
                f"detector sees in {limb.off} of {limb.compared} frames: it may be in the wrong place."
            )
        elif limb.doubtful >= config.min_frames and limb.doubtful > config.doubtful_part * limb.frames:
            warnings.append(
                f"The {limb.name} may be in the wrong place in {limb.doubtful} of {limb.frames} frames: the forearm "
                "points to the camera and hides the elbow, so that the pictures do not tell whether the upper arm "
                f"points to the camera or away from it, which are {limb.other_way_deg:.0f}° apart."
            )
    behind, never = {limb.name: limb.behind for limb in limbs}, {limb.name: limb.unseen for limb in limbs}
    return (*warnings, *hidden_sentences(behind, never, limbs[0].frames if limbs else 0))


def _ends(body: Body, state: BodyState) -> NDArray[np.float64]:
    """Return both ends of each limb, in metres in the camera's axes. [T, 8, 2, 3]"""
    ends = [BODY_25.index(point) for pair in LIMBS_OF_A_PERSON.values() for point in pair]
    with torch.no_grad():
        points = pose_points(body, state, body.keypoint_points.take(torch.tensor(ends, device=body.template.device)))
    return np.asarray(points.double().cpu().numpy().reshape(len(points), -1, 2, 3))


def _against_detector(
    along: NDArray[np.float64], limb: str, detected: LimbDirections | None, config: LimbConfig
) -> NDArray[np.float64]:
    """Return the angle between a limb and its detected direction, NaN where that is too noisy. [T] radians"""
    if detected is None or limb not in detected.limbs:
        return np.full(len(along), np.nan)
    k = detected.limbs.index(limb)
    angles = np.arccos(np.clip((along * detected.directions[:, k]).sum(-1), -1, 1))
    return np.where(detected.sigma_rad[:, k] <= config.max_sigma_rad, angles, np.nan)


def _behind_forearm(
    name: str, along: NDArray[np.float64], rays: NDArray[np.float64], config: LimbConfig
) -> NDArray[np.bool_]:
    """Return in which frames a limb is an upper arm whose forearm points to the camera. [T]"""
    side, _, part = name.partition(" ")
    if part != "upper arm":
        return np.zeros(len(along), bool)
    fore = list(LIMBS_OF_A_PERSON).index(f"{side} forearm")
    return np.asarray((along[:, fore] * rays[:, fore]).sum(-1) < -config.end_on)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))
