"""What a clip shows, as tensors on one device: what energy terms may declare that they observe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.face_points import FacePoints, face_points
from fit_avatar.body.keypoint_offsets import usual_offsets, usual_views
from fit_avatar.body.model import Body
from fit_avatar.capture.detectors import DETECTORS
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.correspondence.matches import SurfaceMatches
from fit_avatar.energies.contact import estimate_contact
from fit_avatar.energies.hands_within import distance_beyond
from fit_avatar.energies.head import HeadPose, find_head_pose
from fit_avatar.energies.motion import CUT, REFERENCE_RATE_HZ
from fit_avatar.energies.silhouette import DistanceField, distance_field, soft_masks
from fit_avatar.silhouettes import Contours, away_from, extract_contours, has_hair_beside_neck, hat_points

CONTOUR_POINTS = 800
"""Points to which an outline is sampled; about one per 12 mm of a standing person at 1080p."""
LEAST_INTERVAL_S, MOST_INTERVAL_S = 0.5 / REFERENCE_RATE_HZ, 4.0 / REFERENCE_RATE_HZ
"""Bounds of the usual interval between frames: farther apart, neighbours say nothing more about each other."""
UNEVEN = 4.0
"""One interval counts at most so many times the usual one, and at least its reciprocal."""
ACROSS_CUT = 10 * CUT
"""Interval across a cut of the video relative to the usual one."""
FIELD_STRIDE = 4
"""Pixels along a side of a cell of the masks' distance fields."""


@dataclass(frozen=True, eq=False)
class Observations(Mapping[str, Any]):
    """What T frames show. As a mapping it holds what is there, by name, for terms to observe.

    The confidence of keypoints and contours includes that of their frame.
    """

    keypoints: Tensor
    """BODY_25 as (u, v, confidence), pixels. [..., T, K, 3]"""
    contours: Contours
    """The outlines of the masks."""
    camera: Camera
    times_s: Tensor
    """When each frame was taken, seconds. [T]"""
    frame_weights: Tensor
    """Confidence in each frame, in [0, 1]. [T]"""
    masks: NDArray[np.bool_]
    """True on the person. [..., T, H, W]"""
    height_m: float | Tensor | None = None
    """The person's height without shoes."""
    face: Tensor | None = None
    """The face's points in OpenPose's order, (u, v, confidence). [..., T, 70, 3]"""
    hands: Tensor | None = None
    """Both hands' points in OpenPose's order, likewise. [..., T, 2, 21, 3]"""
    limb_directions: Tensor | None = None
    """Directions of limbs in the camera's axes, as the capture names them: unit vectors. [..., T, L, 3]"""
    limb_precision: Tensor | None = None
    """The inverse of their noise, per radian; 0 where a limb is unseen. [..., T, L]"""
    point_sets: Mapping[str, Tensor] = field(default_factory=dict)
    """Further points, which terms observe by the name of their set, such as ``face_468``. [..., T, N, 3]"""
    face_points: FacePoints | None = None
    """Where on the body's skin the points of ``face_468`` lie; None: nobody has measured it for this body."""
    keypoint_noise_m: Tensor | None = None
    """Noise of the keypoints in metres, as it was measured during the fit. []"""
    pieces: Tensor | None = None
    """Number of the continuous piece of the video that each frame is from; None: it was not cut. [T]"""
    world_from_camera: Tensor | None = None
    """Rotation from the axes of a camera that turned on the spot to the world's; None: it did not. [T, 3, 3]"""
    surface_matches: SurfaceMatches | None = None
    """Points of the surface, found in the pictures during the fit."""
    frame_indices: Tensor | None = None
    """Index in the video of each frame. int64 [T]"""
    shoes: bool | None = None
    """Whether the person wears shoes or socks; None: that is not known."""
    ears_hidden: bool | None = None
    """Whether hair or a cap covers both ears; None: that is not known."""
    alone: bool = True
    """Whether the clip shows nobody else."""
    built_in_detector: bool = False
    """Whether the built-in detector found the keypoints."""
    keypoint_offsets: Tensor | None = None
    """Where the detector usually sees keypoints, from the body's, in the bind pose, zeros where that is not known;
    None: of no keypoint. [K, 3] metres"""
    keypoint_views: Tensor | None = None
    """How that changes with the side that the person shows; see :func:`usual_views`. [K, 5] metres"""
    outline_offsets: Tensor | None = None
    """Offsets that follow the outlines everywhere, as of :class:`~fit_avatar.fitting.state.FitState`; None: the shape
    does. [V, 3] metres"""

    DERIVED: ClassVar[tuple[str, ...]] = (
        "frame_intervals_s",
        "contact",
        "hat",
        "hair_behind",
        "distance_field",
        "beyond_mask",
        "soft_mask",
    )
    """Names of what is worked out when it is first asked for; ``head_pose``, too, where a face was found, and
    ``bare_neck``, where no hair hangs behind it, ``bare_head``, where no clip shows a hat, and ``below_hat``, where
    each does."""
    CONDITIONS: ClassVar[tuple[str, ...]] = ("bare_neck", "bare_head", "below_hat")
    """Names of what is there only where it is true."""
    HIDDEN: ClassVar[tuple[str, ...]] = (
        "times_s",
        "frame_weights",
        "masks",
        "point_sets",
        "pieces",
        "frame_indices",
        "alone",
        "built_in_detector",
    )
    """Fields that terms do not see as they are."""

    @classmethod
    def of(cls, capture: Capture, device: torch.device, height_m: float | None = None) -> Observations:
        """Turn a capture into tensors, with every mask's outline sampled at :data:`CONTOUR_POINTS` points."""
        weights = torch.from_numpy(capture.frame_weights).to(device)
        keypoints = torch.from_numpy(capture.keypoints).to(device)
        known = keypoints.isfinite().all(-1)
        confidence = torch.where(known, keypoints[..., 2].clamp(0, 1), 0.0) * weights[:, None]
        turns = camera_turns(capture, capture.frame_indices)
        outlines = extract_contours(capture.masks, CONTOUR_POINTS).to(device)
        if capture.other_people is not None:
            outlines = away_from(outlines, capture.masks, capture.other_people)
        return cls(
            keypoints=torch.cat([keypoints[..., :2].nan_to_num(0, 0, 0), confidence[..., None]], -1),
            contours=replace(outlines, weights=outlines.weights * weights[:, None]),
            camera=capture.camera,
            times_s=torch.from_numpy(capture.times_s).float().to(device),
            frame_weights=weights,
            masks=capture.masks,
            height_m=height_m,
            face=None if capture.face is None else torch.from_numpy(capture.face).to(device),
            hands=None if capture.hands is None else torch.from_numpy(capture.hands).to(device),
            pieces=None if capture.pieces is None else torch.from_numpy(capture.pieces).to(device),
            frame_indices=torch.from_numpy(capture.frame_indices).to(device),
            world_from_camera=None if turns is None else torch.from_numpy(turns).float().to(device),
            shoes=capture.shoes,
            ears_hidden=capture.ears_hidden,
            alone=capture.other_people is None,
            built_in_detector=capture.sources.get("keypoints") == DETECTORS["mediapipe"],
        ).with_limbs(capture)

    def with_limbs(self, capture: Capture) -> Observations:
        """Return the observations with the limbs' directions and the sets of points of a capture of the same frames."""
        limbs = capture.limb_directions
        return replace(
            self,
            limb_directions=None if limbs is None else torch.from_numpy(limbs.directions).to(self.device),
            limb_precision=None if limbs is None else torch.from_numpy(1 / limbs.sigma_rad).to(self.device),
            point_sets={name: torch.from_numpy(points).to(self.device) for name, points in capture.point_sets.items()},
        )

    @property
    def device(self) -> torch.device:
        """Return where the tensors live."""
        return self.keypoints.device

    @cached_property
    def frame_intervals_s(self) -> Tensor:
        """Return seconds between neighbouring frames, none far from the usual one but across cuts. [T−1]"""
        return usual_intervals(self.times_s, self.pieces)

    @cached_property
    def contact(self) -> Tensor:
        """Return how surely each of the feet's keypoints stands still between neighbouring frames. [..., T−1, 6]

        Before a camera that turns, feet that stand move in its axes, so that none is said to stand.
        """
        contact = estimate_contact(self.keypoints, self.frame_intervals_s)
        return contact if self.world_from_camera is None else torch.zeros_like(contact)

    @cached_property
    def hat(self) -> Tensor:
        """Return which points of the outlines are those of a hat with a brim. bool [..., T, C]"""
        return hat_points(self.keypoints, self.contours)

    @cached_property
    def hair_behind(self) -> Tensor:
        """Return whether long hair hangs behind ears that are seen, as the outlines beside the neck show. bool [...]"""
        return has_hair_beside_neck(self.keypoints, self.contours) & (self.ears_hidden is False)

    @property
    def bare_neck(self) -> Tensor:
        """Return where no long hair hangs behind ears that are seen, so that outlines show how a head is turned."""
        return ~self.hair_behind

    @property
    def below_hat(self) -> Tensor:
        """Return whether a hat with a brim is seen. bool [...]"""
        return self.hat.flatten(-2).any(-1)

    @property
    def bare_head(self) -> Tensor:
        """Return whether no hat with a brim is seen. bool [...]"""
        return ~self.below_hat

    @cached_property
    def head_pose(self) -> HeadPose:
        """Return how the head is turned, as the points of its face tell it."""
        assert self.face_points is not None
        found = find_head_pose(self.point_sets["face_468"], self.face_points, self.camera)
        return replace(found, confidence=found.confidence * self.frame_weights)

    @cached_property
    def distance_field(self) -> DistanceField:
        """Return signed distances to the masks' outlines."""
        return distance_field(self.masks, FIELD_STRIDE)

    @cached_property
    def beyond_mask(self) -> DistanceField:
        """Return how far places are beyond the masks, zero in frames without weight and beside other people."""
        field = distance_beyond(self.masks).to(self.device)
        counts = (self.frame_weights > 0) & self.alone
        return replace(field, values=field.values * counts[..., None, None])

    @cached_property
    def soft_mask(self) -> Tensor:
        """Return small masks with soft outlines. [..., T, h, w]"""
        return soft_masks(self.masks)

    def frames(self, index: Tensor | None) -> Observations:
        """Return what some frames of one clip show. [T'] int64; None: all"""
        if index is None:
            return self
        per_frame = (
            "keypoints", "times_s", "frame_weights", "face", "hands", "limb_directions", "limb_precision", "pieces",
            "frame_indices",
            "world_from_camera",
        )  # fmt: skip
        given = {name: getattr(self, name) for name in per_frame}
        cut = {name: value[index] for name, value in given.items() if value is not None}
        matches = None if self.surface_matches is None else self.surface_matches.frames(index)
        return replace(
            self, **cut, contours=self.contours.frames(index), masks=self.masks[index.cpu().numpy()],
            surface_matches=matches, point_sets={name: points[index] for name, points in self.point_sets.items()},
        )  # fmt: skip

    def for_body(self, body: Body) -> Observations:
        """Return the observations without landmarks that a body does not have, and with what is known of the others."""
        landmarks = " ".join(body.landmark_names)
        return replace(
            self,
            keypoint_offsets=usual_offsets(body) if self.built_in_detector else None,
            keypoint_views=usual_views(body) if self.built_in_detector else None,
            face=self.face if "face" in landmarks else None,
            hands=self.hands if "hand" in landmarks else None,
            face_points=face_points(body),
        )

    # -- as a mapping -----------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return self.point_sets[name] if name in self.point_sets else getattr(self, name)

    def __contains__(self, name: object) -> bool:
        if name == "head_pose":
            return self.face_points is not None and "face_468" in self.point_sets
        if name in self.CONDITIONS:
            return bool(getattr(self, str(name)).all())
        own = name in _NAMES and getattr(self, str(name)) is not None
        return own or name in self.DERIVED or name in self.point_sets

    def __iter__(self) -> Iterator[str]:
        known = (*_NAMES, *self.DERIVED, "head_pose", *self.CONDITIONS, *self.point_sets)
        return (name for name in known if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def camera_turns(capture: Capture, frame_indices: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Return the rotations from the axes of a camera that turned on the spot to the world's; None if it did not.

    A camera that went around the person has none: its way is known up to scale only, so that in the world the person's
    is not known.

    Args:
        capture: of the clip.
        frame_indices: of frames of the clip. [N]

    Returns:
        [N, 3, 3]
    """
    motion = capture.camera_motion
    turned = motion is not None and motion.mode in ("handheld", "pan")
    return motion.rotations_at(frame_indices) if motion is not None and turned else None


def usual_intervals(times_s: Tensor, pieces: Tensor | None = None) -> Tensor:
    """Return seconds between neighbouring frames, none far from the usual one but across cuts.

    Args:
        times_s: of the frames. [T]
        pieces: number of the continuous piece of the clip that each frame is from. [T]

    Returns:
        [T−1]
    """
    gaps = times_s[1:] - times_s[:-1]
    usual = gaps.median() if len(gaps) else times_s.new_tensor(1 / REFERENCE_RATE_HZ)
    relative = (gaps / usual).clamp(1 / UNEVEN, UNEVEN)
    if pieces is not None:
        relative = torch.where(pieces[1:] != pieces[:-1], ACROSS_CUT, relative)
    return relative * usual.clamp(LEAST_INTERVAL_S, MOST_INTERVAL_S)


_NAMES = tuple(f.name for f in fields(Observations) if f.name not in Observations.HIDDEN)
