"""What was observed in a clip: the camera, and per frame the 2D keypoints and the silhouette."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.camera_path import CameraMotion

if TYPE_CHECKING:
    from torch import Tensor

    from fit_avatar.capture.cast import Cast

Real = TypeVar("Real", bound=np.floating[Any])
Image = NDArray[np.uint8]
"""A BGR picture. [H, W, 3]"""
Mask = NDArray[np.bool_]
"""True on the person. [H, W]"""
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many items of it are done, and how many there are."""

NEAREST_M = 1e-3
"""Points that are nearer, or behind the camera, are projected as if they were this far away, in metres."""
PERSON_LEVEL = 127
"""In a mask or probability of 0 to 255, values above this, one half, are the person."""


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
    """OpenCV's distortion coefficients (k1, k2, p1, p2, k3); all zero for a pinhole."""
    source: str = "given"
    """Where the focal length came from, in words for the report."""
    focal_sigma: float = 0.0
    """Relative standard deviation of the focal length; 0 if it is known."""

    @property
    def intrinsics(self) -> NDArray[np.float64]:
        """Return the 3×3 intrinsic matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])

    @overload
    def project(self, points: NDArray[Real]) -> NDArray[Real]: ...
    @overload
    def project(self, points: Tensor) -> Tensor: ...
    def project(self, points: Any) -> Any:
        """Project points in camera coordinates to pixels, arrays to arrays and tensors to tensors. [..., 3] → [..., 2]

        Points are in metres; depths below 1 mm count as 1 mm. Lens distortion is not applied.
        """
        values = ((self.fx, self.fy), (self.cx, self.cy))
        if isinstance(points, np.ndarray):  # one coordinate after the other: NumPy is slow along an axis of two
            (fx, fy), (cx, cy) = np.array(values, points.dtype)
            depth = points[..., 2].clip(NEAREST_M)
            return np.stack([points[..., 0] / depth * fx + cx, points[..., 1] / depth * fy + cy], axis=-1)
        from fit_avatar.body.constants import numbers  # observing a clip needs no PyTorch

        focal, centre = numbers(values, points)
        return points[..., :2] / points[..., 2:].clip(NEAREST_M) * focal + centre

    def resized(self, scale: float) -> Camera:
        """Return the camera of the picture scaled by a factor; its sides are rounded to whole pixels."""
        return self.fitted_to(max(1, round(self.width * scale)), max(1, round(self.height * scale)))

    def fitted_to(self, width: int, height: int) -> Camera:
        """Return the camera of the picture resized to a width and height in pixels."""
        x, y = width / self.width, height / self.height
        return replace(self, fx=self.fx * x, fy=self.fy * y, cx=self.cx * x, cy=self.cy * y, width=width, height=height)

    def cropped(self, left: int, top: int, width: int, height: int) -> Camera:
        """Return the camera of a crop of the picture, given by its upper left corner and its size in pixels."""
        return replace(self, cx=self.cx - left, cy=self.cy - top, width=width, height=height)

    def zoomed(self, factor: float) -> Camera:
        """Return the camera with its focal length multiplied by a factor; the picture's size stays."""
        return replace(self, fx=self.fx * factor, fy=self.fy * factor)


@dataclass(frozen=True)
class LeftOut:
    """A frame of the video that is not used, and the reason."""

    frame_index: int
    """Index in the video, from 0."""
    reason: str
    """For the user, in words."""


@dataclass(frozen=True)
class CutOff:
    """A frame in which the border of the picture cuts the person off."""

    frame_index: int
    """Index in the video, from 0."""
    sides: tuple[str, ...]
    """Of the picture: top, bottom, left, right."""

    @property
    def lengthwise(self) -> bool:
        """Return whether head or feet are outside, so that the outline has no end."""
        return bool({"top", "bottom"} & set(self.sides))


@dataclass(frozen=True)
class LimbDirections:
    """Directions of L limbs in T frames.

    They are noisy (about 10°), but each frame's are independent of depth, scale and focal length.
    """

    limbs: tuple[str, ...]
    """The points at both ends of each limb, such as "left_elbow-left_wrist". L names"""
    directions: NDArray[np.float32]
    """Unit vectors from the first point to the second in the camera's axes (x right, y down, z forward); zero where
    nobody was seen. [T, L, 3]"""
    sigma_rad: NDArray[np.float32]
    """Standard deviation along either axis across the limb, in radians; infinite where nobody was seen. [T, L]"""


@dataclass(frozen=True)
class Capture:
    """The observations in T frames of a video, or in T photographs, to which a body is fitted.

    All are in pixels of the undistorted frames, as ``camera`` sees them.
    """

    frame_indices: NDArray[np.int64]
    """Index in the video of each frame that is used, ascending. [T]"""
    keypoints: NDArray[np.float32]
    """BODY_25 keypoints (u, v, confidence); confidence is in 0..1, and 0 means unseen. [T, 25, 3]"""
    masks: NDArray[np.bool_]
    """Silhouette masks: True on the person. [T, H, W]"""
    camera: Camera
    """The pinhole camera of all frames; its distortion is zero, because it was undone in everything here."""
    frame_weights: NDArray[np.float32]
    """Confidence in each frame, in (0, 1]; lower where the person is blurred or the mask is doubtful. [T]"""
    fps: float = 30.0
    """Mean frame rate of the whole video, in frames a second, also where only some of its frames are used."""
    left_out: tuple[LeftOut, ...] = ()
    """Frames of the video that were rejected, ascending; frames that were never considered are not listed."""
    warnings: tuple[str, ...] = ()
    """Sentences for the user: frames in which the person is cut off, left and right that were exchanged, …"""
    sources: dict[str, Any] = field(default_factory=dict)
    """Where keypoints and masks came from, for the report."""
    face: NDArray[np.float32] | None = None
    """Face keypoints like ``keypoints``, in OpenPose's order: 68 of contour and features, then 2 pupils.
    None if no frame shows them. [T, 70, 3]"""
    hands: NDArray[np.float32] | None = None
    """Keypoints of the left and the right hand like ``keypoints``, in OpenPose's order: the wrist, then four of each
    finger from thumb to little finger. None if no frame shows them. [T, 2, 21, 3]"""
    stated_times_s: NDArray[np.float64] | None = None
    """Time of each frame since the video's first one, in seconds, as the video states it. None: ``fps`` is constant.
    [T]"""
    point_sets: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """All points that are known, whatever found them: name of a set, such as "face_468", → (u, v, confidence)
    [T, N, 3]; see :data:`fit_avatar.body.keypoint_sets.POINT_SETS`. ``body_33_world`` holds (x, y, z, confidence) in
    metres, in the camera's axes and from the middle of the hips [T, 33, 4]. Terms read only those that they name."""
    limb_directions: LimbDirections | None = None
    """Directions of limbs in 3D, if the detector gives metric points."""

    steadying: NDArray[np.float32] | None = None
    """How each picture was moved so that the scene stands still, as affine maps of pixels counted from its corner.
    None: nothing had to be moved. [T, 2, 3]"""

    people: Cast | None = None
    """Everybody who was told apart in the clip, where it shows several, and which of them this capture is of."""

    other_people: NDArray[np.bool_] | None = None
    """Where other people are seen, in smaller pictures: there the mask's outline is theirs, or not to be relied on.
    None: the clip shows nobody else. [T, h, w]"""

    pieces: NDArray[np.int64] | None = None
    """Number of the continuous piece of the video that each frame is from, from 0 and ascending: between two, the video
    was cut, or nobody was seen for a while, and the person is elsewhere at once. None: it is one piece. [T]"""

    cut_off: tuple[CutOff, ...] = ()
    """Frames that are used though they show the person in part, ascending. What needs whole outlines does without
    them, see :func:`fit_avatar.fitting.only_whole`."""

    camera_motion: CameraMotion | None = None
    """How the camera turned, over all frames of the video if it moved. None: that is not known, as of photographs."""

    shoes: bool | None = None
    """Whether the person wears shoes or socks, so that no toes are to be seen. None: that is not known."""

    ears_hidden: bool | None = None
    """Whether hair or a cap covers both ears. None: that is not known."""

    @property
    def times_s(self) -> NDArray[np.float64]:
        """Return the time of each frame since the video's first one, in seconds. [T]"""
        if self.stated_times_s is not None:
            return self.stated_times_s
        return np.asarray(self.frame_indices / self.fps, np.float64)
