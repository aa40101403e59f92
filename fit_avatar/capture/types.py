"""What was observed in a clip: the camera, and per frame the 2D keypoints and the silhouette."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

BODY_25 = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist",
    "left_shoulder", "left_elbow", "left_wrist", "mid_hip", "right_hip",
    "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear", "left_big_toe",
    "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
"""Names of the 25 points in OpenPose's BODY_25 order."""

BODY_25_MIRROR = (
    0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, 22, 23, 24, 19, 20, 21,
)  # fmt: skip
"""Index of each BODY_25 point's left–right counterpart."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in OpenCV's axes (x right, y down, z forward).

    ``u = fx·X/Z + cx`` with pixel centres at integer + 0.5; all values in pixels.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    k: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """OpenCV distortion coefficients (k1, k2, p1, p2, k3)."""
    source: str = "given"
    """Where the focal length came from, in words for the report."""
    focal_sigma: float = 0.0
    """Relative standard deviation of the focal length; 0: it is known."""

    @property
    def intrinsics(self) -> NDArray[np.float64]:
        """Return the 3×3 intrinsic matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])

    def resized(self, scale: float) -> Camera:
        """Return the camera of the same picture in another size; sides are rounded to whole pixels."""
        width, height = max(1, round(self.width * scale)), max(1, round(self.height * scale))
        x, y = width / self.width, height / self.height
        return replace(self, fx=self.fx * x, fy=self.fy * y, cx=self.cx * x, cy=self.cy * y, width=width, height=height)


@dataclass(frozen=True)
class LeftOut:
    """One frame of the clip that is not used, and why."""

    frame_index: int
    reason: str


@dataclass(frozen=True)
class Capture:
    """Everything that was observed in the T frames that are fitted."""

    frame_indices: NDArray[np.int64]
    """Index of each used frame in the video. [T]"""
    keypoints: NDArray[np.float32]
    """BODY_25 points as (u, v, confidence) in pixels of the undistorted frame; confidence 0 = unseen. [T, 25, 3]"""
    masks: NDArray[np.bool_]
    """True on the person. [T, H, W]"""
    camera: Camera
    frame_weights: NDArray[np.float32]
    """Trust in each frame in (0, 1]: lowered for motion blur or a doubtful mask. [T]"""
    fps: float = 30.0
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()
    """Sentences the user should read (a guessed focal length, cut-off feet, …)."""
    sources: dict[str, Any] = field(default_factory=dict)
    """Where keypoints and masks came from, for the report."""
    face: NDArray[np.float32] | None = None
    """The face's points in OpenPose's order (68 of the outline and features, 2 pupils), like ``keypoints``.
    [T, 70, 3]"""
    hands: NDArray[np.float32] | None = None
    """Left and right hand's points in OpenPose's order (wrist, then thumb to little finger), like ``keypoints``.
    [T, 2, 21, 3]"""
