"""BlazePose: MediaPipe's models of a person's pose, run by LiteRT on arrays, without MediaPipe's package."""

from fit_avatar.capture.blazepose.models import MODEL_FILES, ModelFile
from fit_avatar.capture.blazepose.pose import Pose, PoseConfig, PoseEstimator
from fit_avatar.capture.blazepose.region import Region

__all__ = ["MODEL_FILES", "ModelFile", "Pose", "PoseConfig", "PoseEstimator", "Region"]
