"""3DPW: ``sequenceFiles/*/*.pkl`` (von Marcard et al., "Recovering Accurate 3D Human Pose in The Wild", ECCV 2018).

The layout is described in the data set's own readme.txt.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import SMPL_JOINTS
from fit_avatar.errors import BadInputError
from fit_avatar.evaluate.truths.parts import numbers, same_length
from fit_avatar.evaluate.truths.smpl_motion import placed, smpl_motion
from fit_avatar.evaluate.truths.truth import Choice, Truth

FPS = 30.0
"""Of the pictures and of what is aligned with them (readme.txt)."""
GENDERS = {"m": "male", "f": "female"}


def recognised(data: Any) -> bool:
    """Return whether the content of a pickle is a sequence of 3DPW."""
    return isinstance(data, dict) and {"jointPositions", "cam_poses"} <= set(data)


def read(data: dict[str, Any], path: Path, choice: Choice) -> Truth:
    """Return one person, in the coordinates of the moving camera; frames without a valid camera are left out.

    Raises:
        BadInputError: arrays are missing or do not fit together, or the person is not said.
    """
    person = _person(data, path, choice)
    joints = numbers(data["jointPositions"][person], "jointPositions", path, (None, 72)).reshape(-1, 24, 3)
    cameras = numbers(data["cam_poses"], "cam_poses", path, (None, 4, 4))
    count = same_length(path, jointPositions=joints, cam_poses=cameras)
    flags = data.get("campose_valid")
    valid: NDArray[np.bool_] = np.ones(count, bool)
    if isinstance(flags, (list, tuple, np.ndarray)) and len(flags) > person:
        valid = numbers(flags[person], "campose_valid", path, (count,)) > 0
    if not valid.any():
        raise BadInputError(f"{path} has no frame with a valid camera for person {person}: take another person")
    frames = np.flatnonzero(valid)
    notes = () if valid.all() else (f"{count - len(frames)} frames without a valid camera are left out",)
    truth = Truth(
        layout=f"3DPW, person {person}",
        frames=np.arange(count),
        joint_names=SMPL_JOINTS,
        joints=placed(joints, cameras),
        motion=_motion(data, path, choice, person, cameras) if choice.body else None,
        fps=FPS,
        protocol="3dpw",
        notes=notes,
    )
    return truth.rows(frames)


def _motion(data: dict[str, Any], path: Path, choice: Choice, person: int, cameras: Any) -> Any:
    parts = {}
    for name in ("poses", "trans", "betas", "genders"):
        of_people = data.get(name)
        if not isinstance(of_people, (list, tuple, np.ndarray)) or len(of_people) <= person:
            raise BadInputError(f"{path} has no {name} of person {person}: get the file again")
        parts[name] = of_people[person]
    poses = numbers(parts["poses"], "poses", path, (len(cameras), 72))
    trans = numbers(parts["trans"], "trans", path, (len(cameras), 3))
    betas = numbers(np.ravel(parts["betas"]), "betas", path, (None,))
    told = str(parts["genders"]).lower()[:1]
    assert choice.body is not None
    return smpl_motion(choice.body, GENDERS.get(told, "neutral"), poses, trans, betas[:10], path, cameras)


def _person(data: dict[str, Any], path: Path, choice: Choice) -> int:
    people = data["jointPositions"]
    if not isinstance(people, (list, tuple, np.ndarray)) or not len(people):
        raise BadInputError(f"{path} has no jointPositions of anybody: get the file again")
    if choice.person is None and len(people) > 1:
        raise BadInputError(f"{path} has {len(people)} people: say which with --person 0 to {len(people) - 1}")
    person = choice.person or 0
    if not 0 <= person < len(people):
        raise BadInputError(f"{path} has no person {person}, only 0 to {len(people) - 1}: give one of them")
    return person
