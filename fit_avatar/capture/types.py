"""What was observed in a clip: the camera, and per frame the 2D keypoints and the silhouette."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Real = TypeVar("Real", bound=np.floating[Any])
NEAREST_M = 1e-3
"""Points that are nearer, or behind the camera, are projected as if they were so far away."""


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

    @overload
    def project(self, points: NDArray[Real]) -> NDArray[Real]: ...
    @overload
    def project(self, points: Tensor) -> Tensor: ...
    def project(self, points: Any) -> Any:
        """Return the pixels of points in camera coordinates, as they come: a tensor or an array. [..., 3] → [..., 2]

        Points are in metres; none counts as nearer than 1 mm. Lens distortion is left out.
        """
        values = [[self.fx, self.fy], [self.cx, self.cy]]
        focal, centre = np.array(values, points.dtype) if isinstance(points, np.ndarray) else points.new_tensor(values)
        return points[..., :2] / points[..., 2:].clip(NEAREST_M) * focal + centre

    def resized(self, scale: float) -> Camera:
        """Return the camera of the same picture in another size; sides are rounded to whole pixels."""
        return self.fitted_to(max(1, round(self.width * scale)), max(1, round(self.height * scale)))

    def fitted_to(self, width: int, height: int) -> Camera:
        """Return the camera of the same picture stretched to a size in pixels."""
        x, y = width / self.width, height / self.height
        return replace(self, fx=self.fx * x, fy=self.fy * y, cx=self.cx * x, cy=self.cy * y, width=width, height=height)

    def cropped(self, left: int, top: int, width: int, height: int) -> Camera:
        """Return the camera of a part of the picture, given by its upper left corner and size in pixels."""
        return replace(self, cx=self.cx - left, cy=self.cy - top, width=width, height=height)

    def zoomed(self, factor: float) -> Camera:
        """Return the camera with its focal length times a factor."""
        return replace(self, fx=self.fx * factor, fy=self.fy * factor)


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
