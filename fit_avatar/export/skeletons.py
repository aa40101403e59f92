"""Names of the joints in other programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from fit_avatar.errors import BadInputError

Skeleton = Literal["smpl", "mixamo", "unreal", "unity", "vrm"]

_COLUMNS = ("mixamo", "unreal", "unity", "vrm")

_MIDDLE: dict[str, tuple[str | None, ...]] = {
    "pelvis": ("Hips", "pelvis", "Hips", "hips"),
    "spine1": ("Spine", "spine_01", "Spine", "spine"),
    "spine2": ("Spine1", "spine_02", "Chest", "chest"),
    "spine3": ("Spine2", "spine_03", "UpperChest", "upperChest"),
    "neck": ("Neck", "neck_01", "Neck", "neck"),
    "head": ("Head", "head", "Head", "head"),
    "jaw": (None, None, "Jaw", "jaw"),
}

_SIDED: dict[str, tuple[str | None, ...]] = {
    "hip": ("UpLeg", "thigh", "UpperLeg", "UpperLeg"),
    "knee": ("Leg", "calf", "LowerLeg", "LowerLeg"),
    "ankle": ("Foot", "foot", "Foot", "Foot"),
    "foot": ("ToeBase", "ball", "Toes", "Toes"),
    "collar": ("Shoulder", "clavicle", "Shoulder", "Shoulder"),
    "shoulder": ("Arm", "upperarm", "UpperArm", "UpperArm"),
    "elbow": ("ForeArm", "lowerarm", "LowerArm", "LowerArm"),
    "wrist": ("Hand", "hand", "Hand", "Hand"),
    "hand": ("HandMiddle1", "middle_01", "MiddleProximal", "MiddleProximal"),
    "eye_smplhf": ("Eye", None, "Eye", "Eye"),
}
"""SMPL's hand joint moves all fingers; it is at the first joint of the middle finger, whose name it gets."""

_FINGERS = {"thumb": "Thumb", "index": "Index", "middle": "Middle", "ring": "Ring", "pinky": "Little"}
_PHALANGES = ("Proximal", "Intermediate", "Distal")
_VRM_THUMB = ("Metacarpal", "Proximal", "Distal")

for _ours, _theirs in _FINGERS.items():
    for _k, _phalanx in enumerate(_PHALANGES, 1):
        _SIDED[f"{_ours}{_k}"] = (
            f"Hand{_ours.capitalize()}{_k}",
            f"{_ours}_0{_k}",
            _theirs + _phalanx,
            _theirs + (_VRM_THUMB[_k - 1] if _ours == "thumb" else _phalanx),
        )

_PATTERNS = {"mixamo": "mixamorig:{Side}{name}", "unreal": "{name}_{s}", "unity": "{Side}{name}", "vrm": "{side}{name}"}

VRM_BONES = frozenset(
    (
        *("hips", "spine", "chest", "upperChest", "neck", "head", "jaw"),
        *(
            f"{side}{bone}"
            for side in ("left", "right")
            for bone in (
                *("Eye", "UpperLeg", "LowerLeg", "Foot", "Toes", "Shoulder", "UpperArm", "LowerArm", "Hand"),
                *(f"Thumb{phalanx}" for phalanx in _VRM_THUMB),
                *(f"{finger}{phalanx}" for finger in ("Index", "Middle", "Ring", "Little") for phalanx in _PHALANGES),
            )
        ),
    )
)
"""Every bone that VRM 1.0 names."""

_ROOTS = {"unreal": "root"}
"""Bones above the pelvis, of skeletons that have one: Unreal makes the topmost bone the one that moves a character."""


def root_bone(skeleton: str) -> str | None:
    """Return the name of the bone on the floor above the pelvis in another program's skeleton; None if it has none."""
    return _ROOTS.get(skeleton)


def renamed(joint_names: Sequence[str], skeleton: str) -> tuple[str, ...]:
    """Return the names of the joints in another program's skeleton; a joint that is not in it keeps its name.

    Args:
        joint_names: as in SMPL, SMPL-H or SMPL-X.
        skeleton: "smpl" (the same names), "mixamo", "unreal" (its mannequin), "unity" (HumanBodyBones) or "vrm" (1.0).

    Raises:
        BadInputError: there is no such skeleton.
    """
    if skeleton == "smpl":
        return tuple(joint_names)
    if skeleton not in _COLUMNS:
        raise BadInputError(f"there is no skeleton {skeleton!r}: choose one of smpl, {', '.join(_COLUMNS)}")
    return tuple(_renamed(name, skeleton) for name in joint_names)


def _renamed(joint: str, skeleton: str) -> str:
    column = _COLUMNS.index(skeleton)
    if joint in _MIDDLE:
        name = _MIDDLE[joint][column]
        return joint if name is None else ("mixamorig:" + name if skeleton == "mixamo" else name)
    side, _, base = joint.partition("_")
    name = _SIDED[base][column] if side in ("left", "right") and base in _SIDED else None
    if name is None:
        return joint
    return _PATTERNS[skeleton].format(side=side, Side=side.capitalize(), s=side[0], name=name)
