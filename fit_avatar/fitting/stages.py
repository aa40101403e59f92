"""The stages of a fit as data: what is free, how much each term is trusted, how long it runs.

Sigmas are noise levels in metres (at the person's distance) or radians; they do not depend on the
size of the image. A schedule runs from its first to its last value within the stage.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """A value that shrinks geometrically within a stage."""

    first: float
    last: float

    def at(self, share: float) -> float:
        """Return the value after ``share`` of the stage, 0…1."""
        return float(self.first * (self.last / self.first) ** share)


@dataclass(frozen=True)
class TrackStage:
    """One run of tracking over all frames."""

    name: str
    iterations: int
    keypoint_sigma_m: float = 0.03
    """Noise of a detected keypoint, and of the body's idea of where it is."""
    keypoint_kernel: float = 3.0
    """Geman–McClure scale of keypoints, in sigmas."""
    keypoint_bias_m: float = 0.02
    """How far the detector's idea of a keypoint is from the body's, the same in all frames."""
    outline_sigma_m: float | None = None
    """Noise of a point of the outline; None leaves outlines out."""
    inside_looseness: float = 1.0
    """Multiplies the outline's sigma where the body is inside it."""
    outline_share: float = 0.2
    """Independent pieces of information per outline point: neighbours err together."""
    outline_kernel: Schedule = Schedule(10.0, 3.0)
    """Geman–McClure scale of the outline, in sigmas."""
    gate_m: Schedule = Schedule(0.15, 0.05)
    """Largest distance between an outline point and its rim vertex."""
    outline_stride: int = 2
    """Every how many points of an outline are used."""
    rim: int = 700
    """Rim candidates in a frame."""
    spacing_m: float = 0.015
    """Vertices are thinned to about one per this distance; 0 uses all."""
    deviation_sigma: float = 0.1
    """How far a joint strays from the shared mean pose."""
    mean_sigma: float = 0.3
    """How far the shared mean pose is from the A-pose."""
    turn_sigma: float = 0.02
    """Usual change of a joint's angular velocity between frames a thirtieth of a second apart."""
    move_sigma_m: float = 0.01
    """Usual change of velocity between such frames."""
    shape_sigma: float = 1.0
    """Spread of the betas."""
    free_shape: bool = True


@dataclass(frozen=True)
class ConsensusStage:
    """One fit of offsets to the un-posed outlines of all frames."""

    name: str
    matchings: int = 2
    reweightings: int = 3
    """Robust re-weightings after each matching."""
    outline_sigma_m: float = 0.003
    outline_kernel: Schedule = Schedule(10.0, 3.0)
    """Geman–McClure scale of the outline, in sigmas."""
    gate_m: float = 0.08
    """Largest distance between an outline point and its rim vertex."""
    rim: int = 2000
    smooth_m: float = 0.02
    """Offsets are smooth over about this distance."""
    body: float = 0.02
    """Weight of the offsets' prior against outlines that touch the whole surface evenly."""
    symmetry: float = 0.1
    """Weight of left–right symmetry, likewise."""


Stage = TrackStage | ConsensusStage


def stages(quality: str) -> tuple[Stage, ...]:
    """Return the schedule of a quality: ``fast``, ``balanced`` or ``best``."""
    rounds = {"fast": 1, "balanced": 3, "best": 5}[quality]
    keypoints = TrackStage("pose from keypoints", 12, keypoint_kernel=6.0, move_sigma_m=0.03)
    outlines = TrackStage("pose and shape from outlines", 16, outline_sigma_m=0.008, inside_looseness=3.0)
    schedule: list[Stage] = [keypoints, outlines]
    for i in range(rounds):
        number = f" {i + 1}/{rounds}"
        schedule.append(ConsensusStage("consensus shape" + number))
        schedule.append(
            TrackStage(
                "pose with the consensus shape" + number,
                8,
                outline_sigma_m=0.004,
                deviation_sigma=0.06,
                outline_kernel=Schedule(6.0, 3.0),
                gate_m=Schedule(0.06, 0.03),
                free_shape=False,
            )
        )
    schedule.append(ConsensusStage("final consensus shape"))
    return tuple(schedule)
