"""The linear-blend-skinned body: arrays, skinning, the default body, and the SMPL family from the user's files."""

from fit_avatar.body.cache import load_body
from fit_avatar.body.joints import SMPLH_JOINTS, SMPLX_JOINTS
from fit_avatar.body.model import SMPL_JOINTS, SMPL_PARENTS, Body
from fit_avatar.body.skinning import Posed, pose_body
from fit_avatar.body.smpl import convert_body, hand_pose, read_smpl
from fit_avatar.body.state import BodyState

__all__ = [
    "SMPLH_JOINTS",
    "SMPLX_JOINTS",
    "SMPL_JOINTS",
    "SMPL_PARENTS",
    "Body",
    "BodyState",
    "Posed",
    "convert_body",
    "hand_pose",
    "load_body",
    "pose_body",
    "read_smpl",
]
