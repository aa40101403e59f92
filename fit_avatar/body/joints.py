"""The skeletons with hands: names of the joints of SMPL-H and SMPL-X, in their order."""

from __future__ import annotations

from fit_avatar.body.model import SMPL_JOINTS, SMPL_PARENTS

FINGERS = ("index", "middle", "pinky", "ring", "thumb")
"""The fingers in SMPL-H's order; three joints each, from the knuckle (the thumb: from the wrist) to the tip."""

BODY_JOINTS = SMPL_JOINTS[:22]
"""The joints that all skeletons share: to the wrists, without SMPL's two hands."""

FINGER_JOINTS = tuple(f"{side}_{finger}{k}" for side in ("left", "right") for finger in FINGERS for k in (1, 2, 3))
"""The 30 joints of fingers, the left hand's first."""

_LEFT_WRIST, _RIGHT_WRIST, _HEAD = (SMPL_JOINTS.index(name) for name in ("left_wrist", "right_wrist", "head"))


def _hand_parents(first: int) -> tuple[int, ...]:
    """Return the parents of 30 finger joints that begin at index ``first``."""
    wrists = (_LEFT_WRIST,) * 15 + (_RIGHT_WRIST,) * 15
    return tuple(wrist if k % 3 == 0 else first + k - 1 for k, wrist in enumerate(wrists))


SMPLH_JOINTS = BODY_JOINTS + FINGER_JOINTS
"""Names of the 52 joints."""

SMPLH_PARENTS = SMPL_PARENTS[:22] + _hand_parents(22)
"""Parent of each joint; -1 for the root."""

SMPLX_JOINTS = BODY_JOINTS + ("jaw", "left_eye_smplhf", "right_eye_smplhf") + FINGER_JOINTS
"""Names of the 55 joints."""

SMPLX_PARENTS = SMPL_PARENTS[:22] + (_HEAD, _HEAD, _HEAD) + _hand_parents(25)
"""Parent of each joint; -1 for the root."""


def is_finger(name: str) -> bool:
    """Return whether a joint moves fingers: SMPL's hand, or a finger's joint."""
    return name.endswith("_hand") or name in FINGER_JOINTS
