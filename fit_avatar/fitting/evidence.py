"""The observations as tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.correspondence.matches import SurfaceMatches
from fit_avatar.energies.motion import REFERENCE_RATE_HZ
from fit_avatar.energies.silhouette import distance_field, soft_masks
from fit_avatar.silhouettes import Contours, extract_contours

CONTOUR_POINTS = 800
"""Points to which an outline is sampled; about one per 12 mm of a standing person at 1080p."""

MAX_PACE = 4.0
"""Frame intervals, in thirtieths of a second, beyond which neighbours say nothing more about each other."""
FIELD_STRIDE = 4


class Observations(Mapping[str, Any]):
    """Data fields by name, each made when it is first asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._makers = makers
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:
        return name in self._makers


@dataclass(frozen=True)
class Evidence:
    """What T frames show, on one device."""

    keypoints: Tensor  # [T, K, 2] pixels
    confidence: Tensor  # [T, K]
    contours: Contours
    frame_weights: Tensor  # [T]
    times: Tensor  # [T] in frames of the clip
    fps: float
    steps: Tensor  # [T−1] frame intervals, 1 = the usual one
    interval: float  # the usual frame interval, in thirtieths of a second
    camera: Camera
    masks: NDArray[np.bool_]  # [T, H, W]
    face: Tensor | None = None  # [T, 70, 3]
    hands: Tensor | None = None  # [T, 2, 21, 3]
    surface: tuple[Tensor, Tensor] | None = None
    """Points of the surface as pictures show them: (u, v, confidence) [T, N, 3], and their vertices [T, N]."""

    def observations(
        self, body: Body, height_m: float | None, keypoint_noise_m: Tensor | None = None
    ) -> Mapping[str, Any]:
        """Return the data fields that energy terms find by their names; each is made when it is asked for."""
        trust = self.frame_weights[:, None]
        makers: dict[str, Callable[[], Any]] = {
            "keypoints": lambda: self.trusted_keypoints,
            "contours": lambda: Contours(self.contours.points, self.contours.normals, self.contours.weights * trust),
            "camera": lambda: self.camera,
            "frame_intervals_s": lambda: self.steps * min(max(self.interval, 0.5), MAX_PACE) / REFERENCE_RATE_HZ,
            "distance_field": lambda: distance_field(self.masks, FIELD_STRIDE),
            "soft_mask": lambda: soft_masks(self.masks),
        }
        landmarks = " ".join(body.landmark_names)
        if height_m is not None:
            makers["height_m"] = lambda: height_m
        if keypoint_noise_m is not None:
            makers["keypoint_noise_m"] = lambda: keypoint_noise_m
        if self.face is not None and "face" in landmarks:
            makers["face"] = lambda: self.face
        if self.hands is not None and "hand" in landmarks:
            makers["hands"] = lambda: self.hands
        if self.surface is not None:
            matches = SurfaceMatches(*self.surface)
            makers["surface_matches"] = lambda: matches
        return Observations(makers)

    def at(self, frames: Tensor | None) -> Evidence:
        """Return what some of the frames show. [T'] int64; None: all"""
        if frames is None:
            return self
        steps, interval = _pace(self.times[frames], self.fps)
        return replace(
            self,
            keypoints=self.keypoints[frames],
            confidence=self.confidence[frames],
            contours=self.contours.frames(frames),
            frame_weights=self.frame_weights[frames],
            times=self.times[frames],
            steps=steps,
            interval=interval,
            masks=self.masks[frames.cpu().numpy()],
            face=None if self.face is None else self.face[frames],
            hands=None if self.hands is None else self.hands[frames],
            surface=None if self.surface is None else (self.surface[0][frames], self.surface[1][frames]),
        )

    def seen_by(self, camera: Camera) -> Evidence:
        """Return the same pictures, as another camera took them."""
        return replace(self, camera=camera)

    @property
    def trusted_keypoints(self) -> Tensor:
        """Return (u, v, confidence), less where the frame is trusted less. [T, K, 3]"""
        return torch.cat([self.keypoints, (self.confidence * self.frame_weights[:, None])[..., None]], -1)

    @property
    def device(self) -> torch.device:
        """Return where the tensors live."""
        return self.keypoints.device


def gather_evidence(capture: Capture, contour_points: int, device: torch.device) -> Evidence:
    """Turn a capture into tensors, with every mask's outline sampled at ``contour_points`` points."""
    keypoints = torch.from_numpy(capture.keypoints).to(device)
    known = keypoints.isfinite().all(-1)
    times = torch.from_numpy(capture.frame_indices).float().to(device)
    steps, interval = _pace(times, capture.fps)
    return Evidence(
        keypoints=keypoints[..., :2].nan_to_num(0, 0, 0),
        confidence=torch.where(known, keypoints[..., 2].clamp(0, 1), 0.0),
        contours=extract_contours(capture.masks, contour_points).to(device),
        frame_weights=torch.from_numpy(capture.frame_weights).to(device),
        times=times,
        fps=capture.fps,
        steps=steps,
        interval=interval,
        camera=capture.camera,
        masks=capture.masks,
        face=None if capture.face is None else torch.from_numpy(capture.face).to(device),
        hands=None if capture.hands is None else torch.from_numpy(capture.hands).to(device),
    )


def _pace(times: Tensor, fps: float) -> tuple[Tensor, float]:
    """Return the intervals between frames, 1 being the usual one [T−1], and the usual one in thirtieths of a second."""
    gaps = times[1:] - times[:-1]
    usual = gaps.median() if len(gaps) else times.new_tensor(1.0)
    return (gaps / usual).clamp(0.25, 4.0), float(usual) * 30.0 / max(fps, 1.0)
