"""How far detected keypoints scatter, measured on the clip itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fit_avatar.capture.types import Camera
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.projection import metres_per_pixel
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.state import FitState
from fit_avatar.solvers import Unknowns


@dataclass(frozen=True)
class MeasureKeypointNoise:
    """Measure how far keypoints scatter about the fit, for the solves that follow (``keypoint_noise_m``)."""

    name: str = "measure the keypoints' noise"
    least_confidence: float = 0.3
    """Keypoints below it do not count; chosen by hand."""
    outlier_m: float = 0.1
    """Keypoints farther from the fit, in metres, are mistakes rather than noise; chosen by hand."""
    range_m: tuple[float, float] = (0.006, 0.03)
    """Bounds of the result: the body is no more exact than the lower one, and a good fit may look worse at first;
    chosen on the rendered clips."""

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state with the noise."""
        seen = state.observations(context.observations)
        with torch.no_grad():
            x = Unknowns.of(context.body, state.clip).posed_body()
            return replace(state, keypoint_noise_m=self.measure(x, seen.keypoints, seen.camera))

    def measure(self, x: PosedBody, keypoints: Tensor, camera: Camera) -> Tensor:
        """Return the noise of keypoints about a fit, in metres at the person's distance; one number for all. []

        Detectors err alike in neighbouring frames. Where errors of neighbours are correlated by ρ, frames are worth
        (1 − ρ) / (1 + ρ) of as many independent ones, so the noise counts √((1 + ρ) / (1 − ρ)) times; and once more so
        much, because poses have followed the slow part of such errors, which is then missing in what is measured.

        Args:
            x: the fitted clip, or a batch of clips or hypotheses.
            keypoints: (u, v, confidence). [..., T, K, 3]
            camera: the camera.
        """
        residual = (camera.project(x.keypoints) - keypoints[..., :2]) * metres_per_pixel(x, camera)[..., None, None]
        counted = (keypoints[..., 2] > self.least_confidence).expand(residual.shape[:-1]) & (
            residual.norm(dim=-1) < self.outlier_m
        )
        lowest, highest = self.range_m
        if not counted.any():
            return residual.new_tensor(highest)
        noise = 1.4826 * residual[counted].abs().median()
        pairs = counted[..., 1:, :] & counted[..., :-1, :]
        before, after = residual[..., :-1, :, :][pairs], residual[..., 1:, :, :][pairs]
        power = (before.square() + after.square()).sum() / 2
        correlation = ((before * after).sum() / power.clamp_min(1e-12)).clamp(0.0, 0.9)
        return (noise * (1 + correlation) / (1 - correlation)).clamp(lowest, highest)
