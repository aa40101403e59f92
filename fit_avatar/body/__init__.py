"""The linear-blend-skinned body: arrays, skinning, the default body, and the SMPL family from the user's files.

Names are imported when they are first used, so that reading a table such as ``keypoint_sets`` does not load PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fit_avatar.body.default_body import face_shapes
    from fit_avatar.body.garment import Garment, dressed
    from fit_avatar.body.joints import SMPLH_JOINTS, SMPLX_JOINTS
    from fit_avatar.body.load import load_body
    from fit_avatar.body.model import SMPL_JOINTS, SMPL_PARENTS, Body
    from fit_avatar.body.motion import Motion
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
    "Garment",
    "Motion",
    "Posed",
    "convert_body",
    "dressed",
    "face_shapes",
    "hand_pose",
    "load_body",
    "pose_body",
    "read_smpl",
]

_MODULES = ("load", "default_body", "garment", "joints", "model", "motion", "skinning", "smpl", "state")


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in map(import_module, (f"{__name__}.{module}" for module in _MODULES)):
            if name in vars(module):
                return vars(module)[name]
    raise AttributeError(f"module {__name__} has no attribute {name}")
