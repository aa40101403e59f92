"""The observations in a video or photographs: frames, keypoints, masks and the camera."""

from fit_avatar.body.keypoint_sets import BODY_25, BODY_25_MIRROR
from fit_avatar.capture.camera import camera_from, load_camera, undistort
from fit_avatar.capture.coco_wholebody import from_coco_wholebody, load_coco_wholebody
from fit_avatar.capture.config import CaptureConfig
from fit_avatar.capture.detectors import DETECTORS, make_detector
from fit_avatar.capture.every_frame import EveryFrame, observe_every_frame
from fit_avatar.capture.images import image_size, observe_images, read_image
from fit_avatar.capture.keypoints import load_keypoints
from fit_avatar.capture.observe import observe
from fit_avatar.capture.people_snapshot import PeopleSnapshot, load_people_snapshot
from fit_avatar.capture.point_sets import convert_set
from fit_avatar.capture.types import Camera, Capture, CutOff, LeftOut, LimbDirections
from fit_avatar.capture.video import VideoInfo, probe, read_frames

__all__ = [
    "BODY_25",
    "BODY_25_MIRROR",
    "DETECTORS",
    "Camera",
    "Capture",
    "CaptureConfig",
    "CutOff",
    "EveryFrame",
    "LeftOut",
    "LimbDirections",
    "PeopleSnapshot",
    "VideoInfo",
    "camera_from",
    "convert_set",
    "from_coco_wholebody",
    "image_size",
    "load_camera",
    "load_coco_wholebody",
    "load_keypoints",
    "load_people_snapshot",
    "make_detector",
    "observe",
    "observe_every_frame",
    "observe_images",
    "probe",
    "read_frames",
    "read_image",
    "undistort",
]
