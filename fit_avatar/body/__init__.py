"""The linear-blend-skinned body: arrays, skinning and the default body."""

from fit_avatar.body.cache import load_body
from fit_avatar.body.model import SMPL_JOINTS, SMPL_PARENTS, Body
from fit_avatar.body.skinning import Posed, pose_body
from fit_avatar.body.state import BodyState

__all__ = ["SMPL_JOINTS", "SMPL_PARENTS", "Body", "BodyState", "Posed", "load_body", "pose_body"]
