"""Names of joints in other programs."""

import pytest

from fit_avatar.body.joints import SMPLH_JOINTS, SMPLX_JOINTS
from fit_avatar.body.model import SMPL_JOINTS
from fit_avatar.errors import BadInputError
from fit_avatar.export.skeletons import renamed

PRESETS = ("mixamo", "unreal", "unity", "vrm")

UNITY_REQUIRED = {
    "Hips", "Spine", "Head", "LeftUpperArm", "LeftLowerArm", "LeftHand", "LeftUpperLeg", "LeftLowerLeg", "LeftFoot",
    "RightUpperArm", "RightLowerArm", "RightHand", "RightUpperLeg", "RightLowerLeg", "RightFoot",
}  # fmt: skip
"""The bones without which Unity makes no humanoid of a model; VRM requires the same ones."""


@pytest.mark.parametrize("joints", [SMPL_JOINTS, SMPLH_JOINTS, SMPLX_JOINTS])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_joint_has_a_name_of_its_own(joints: tuple[str, ...], preset: str) -> None:
    names = renamed(joints, preset)
    assert len(set(names)) == len(joints)
    kept = set(names) & set(joints) - {"pelvis", "head", "neck", "jaw"}  # some are called the same elsewhere
    assert kept <= {"left_eye_smplhf", "right_eye_smplhf"}


def test_smpl_is_what_the_joints_are_called() -> None:
    assert renamed(SMPL_JOINTS, "smpl") == SMPL_JOINTS


def test_it_has_what_the_engines_require() -> None:
    assert set(renamed(SMPL_JOINTS, "unity")) >= UNITY_REQUIRED
    assert set(renamed(SMPL_JOINTS, "vrm")) >= {name[0].lower() + name[1:] for name in UNITY_REQUIRED}
    mixamo = renamed(SMPLH_JOINTS, "mixamo")
    assert {"mixamorig:Hips", "mixamorig:LeftUpLeg", "mixamorig:RightHandPinky3", "mixamorig:LeftForeArm"} <= set(
        mixamo
    )
    unreal = renamed(SMPLH_JOINTS, "unreal")
    assert {"pelvis", "spine_03", "clavicle_l", "calf_r", "ball_l", "neck_01", "thumb_02_r"} <= set(unreal)
    assert "leftThumbMetacarpal" in renamed(SMPLH_JOINTS, "vrm") and "LeftLittleDistal" in renamed(
        SMPLH_JOINTS, "unity"
    )


def test_left_stays_left() -> None:
    names = dict(zip(SMPLX_JOINTS, renamed(SMPLX_JOINTS, "unreal"), strict=True))
    assert all(name.endswith("_l") for joint, name in names.items() if joint.startswith("left") and "eye" not in joint)


def test_unknown_names() -> None:
    assert renamed(("pelvis", "tail", "left_wing"), "vrm") == ("hips", "tail", "left_wing")
    with pytest.raises(BadInputError, match="there is no skeleton 'daz': choose one of smpl, mixamo"):
        renamed(SMPL_JOINTS, "daz")
