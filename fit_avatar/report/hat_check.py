"""Whether a hat, a cap or hair hides the head, so that the avatar holds it less exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.hanging_hair import is_hair
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import shaped
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture
from fit_avatar.silhouettes import extract_contours, has_brim

FRAMES, POINTS = 20, 400
"""So many frames are looked at, at outlines of so many points. Chosen by hand."""
EYES = [BODY_25.index(name) for name in ("left_eye", "right_eye")]


@dataclass(frozen=True)
class CrownConfig:
    """When something is on top of a head."""

    above_eyes: float = 0.5
    """The crown is what is higher than this part of the way from the eyes to the top. Chosen by hand."""
    of_head: float = 0.9
    """Least share of the head in how a vertex of it moves. Chosen by hand."""
    max_lift_m: float = 0.02
    """A crown that stands off the skull by more, in the mean, is that of a hat. Three rendered people with hats had 34
    to 49 mm; ten others, with short and long hair and a ponytail, -2 to 10."""


CROWN = CrownConfig()


def hat_warnings(body: Body, state: BodyState, capture: Capture, config: CrownConfig = CROWN) -> tuple[str, ...]:
    """Return a warning if a hat or a cap, or else if hair hides how the head is turned.

    A brim shows in the outlines; of a cap without one, and of hair that is piled up, the crown stands off the skull.

    Args:
        body: the body.
        state: its shape.
        capture: keypoints and masks, and whether ears are hidden.
        config: thresholds.
    """
    brim, lift = _has_brim(capture), crown_lift(body, state, config)
    if brim or lift > config.max_lift_m:
        worn = "wears a hat" if brim else f"wears a cap, or hair {1000 * lift:.0f} mm above the skull"
        return (
            f"The person {worn}: the avatar's head has that form, as far as outlines show it, and since it hides "
            "the skull, the head may be tipped wrongly by some degrees. Film without a hat for a head that is right.",
        )
    if capture.ears_hidden or is_hair(body).any():
        return (
            "Hair hides the sides or the back of the head: where the face is not seen, the head may be turned wrongly "
            "by some degrees, and neck and ears are guessed. Film with the hair tied up for a head that is right.",
        )
    return ()


def crown_lift(body: Body, state: BodyState, config: CrownConfig = CROWN) -> float:
    """Return how far the top of the head stands off the naked body's, in metres: the mean along its normals."""
    crown = _crown(body, config)
    if not crown.any():
        return 0.0
    naked = shaped(body, state.betas).double().cpu().numpy()
    normals = vertex_normals(naked, body.faces.cpu().numpy())
    lift = (state.offsets.double().cpu().numpy() * normals).sum(1)
    return float(lift[crown].mean())


def _crown(body: Body, config: CrownConfig) -> NDArray[np.bool_]:
    """Return which vertices are the top of the head; none of a body without a head by SMPL's name. [V]"""
    if "head" not in body.joint_names:
        return np.zeros(len(body.template), bool)
    moves = body.lbs_weights[:, body.joint_names.index("head")].cpu().numpy() > config.of_head
    head = moves & body.skin.cpu().numpy() & ~is_hair(body)
    height = body.template[:, 1].double().cpu().numpy()
    eyes = body.keypoint_points.template[EYES, 1].mean().item()
    top = height[head].max() if head.any() else eyes
    return np.asarray(head & (height > eyes + config.above_eyes * (top - eyes)))


def _has_brim(capture: Capture) -> bool:
    some = slice(None, None, max(1, len(capture.masks) // FRAMES))
    keypoints = torch.from_numpy(capture.keypoints[some]).nan_to_num(0, 0, 0)
    return bool(has_brim(keypoints, extract_contours(capture.masks[some], POINTS)))
