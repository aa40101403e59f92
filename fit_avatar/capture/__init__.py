"""Everything observed in a clip: frames, keypoints, masks and the camera."""

from fit_avatar.capture.camera import camera_from, load_camera, undistort
from fit_avatar.capture.observe import observe
from fit_avatar.capture.types import BODY_25, BODY_25_MIRROR, Camera, Capture, LeftOut
from fit_avatar.capture.video import VideoInfo, probe, read_frames

__all__ = [
    "BODY_25",
    "BODY_25_MIRROR",
    "Camera",
    "Capture",
    "LeftOut",
    "VideoInfo",
    "camera_from",
    "load_camera",
    "observe",
    "probe",
    "read_frames",
    "undistort",
]
