"""BlazePose: MediaPipe's models of a person's pose, face and hands, run by LiteRT on arrays, without its package."""

from fit_avatar.capture.blazepose.face import FaceConfig, FaceEstimator
from fit_avatar.capture.blazepose.hands import HandConfig, HandEstimator, Hands
from fit_avatar.capture.blazepose.models import MODEL_FILES, ModelFile
from fit_avatar.capture.blazepose.part import Following, Part
from fit_avatar.capture.blazepose.pose import Pose, PoseConfig, PoseEstimator
from fit_avatar.capture.blazepose.region import Region

__all__ = [
    "MODEL_FILES",
    "FaceConfig",
    "FaceEstimator",
    "Following",
    "HandConfig",
    "HandEstimator",
    "Hands",
    "ModelFile",
    "Part",
    "Pose",
    "PoseConfig",
    "PoseEstimator",
    "Region",
]
