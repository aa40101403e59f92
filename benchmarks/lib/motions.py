"""Human motion that moves synthetic people: recordings, and smooth curves of joint angles that need none.

World axes: y up, the floor is level; a person at rest faces +z with the left side at +x, as SMPL's body does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.spatial.transform import Rotation, RotationSpline

from lib.recordings import JOINTS, read_recording

FloatArray = NDArray[np.float64]

FPS = 30
POINTED_DEG = 20.0
"""So far a lifted foot points down against its shin."""


@dataclass(frozen=True)
class HumanMotion:
    """The turning of every joint in T frames, and where the pelvis goes."""

    root: Rotation  # [T]
    poses: FloatArray  # [T, 21, 3] axis-angles, zero in the T-pose
    places: FloatArray  # [T, 3] of the pelvis, in lengths of the leg
    planted: FloatArray | None = None
    """How firmly the left and the right foot stand, 0 to 1; None: to be seen from the motion. [T, 2]"""


@dataclass(frozen=True)
class Take:
    """A part of a recording, and how it is filmed."""

    file: str
    start_s: float
    facing_deg: float
    """Of the world's +z: 0 is towards the camera, 90 to the picture's left."""


TAKES: dict[str, Take] = {
    "walk": Take("02_01", 0.4, 60.0),
    "run": Take("02_03", 0.0, 50.0),
    "punch": Take("02_05", 4.0, 20.0),
    "jump": Take("02_04", 0.8, -50.0),
    "sword": Take("02_07", 4.0, -20.0),
}
"""Parts of recordings in which the person stands on a level floor. Chosen by looking at them."""


def recorded(folder: Path, take: Take, frames: int, recorded_fps: float) -> HumanMotion:
    """Return a part of a recording at 30 frames a second, or what there is of it.

    Rotations and places between the recorded frames are smooth to the second derivative, so that the interpolation
    adds no jerks to the truth.
    """
    recording = read_recording(folder / f"{take.file}.amc")
    known = np.arange(len(recording.poses)) / recorded_fps
    wanted = take.start_s + np.arange(frames) / FPS
    wanted = wanted[wanted <= known[-1]]
    poses = np.stack(
        [
            RotationSpline(known, Rotation.from_rotvec(recording.poses[:, j]))(wanted).as_rotvec()
            for j in range(len(JOINTS))
        ],
        1,
    )
    places = CubicSpline(known, recording.places_m / recording.leg_m)(wanted)
    return HumanMotion(RotationSpline(known, recording.root)(wanted), poses, places)


# -- curves -------------------------------------------------------------------------------------------------------


@dataclass
class Angles:
    """Joint angles of T frames in degrees, as a physiotherapist names them; everything is zero while standing."""

    frames: int
    lean: FloatArray = field(init=False)  # of the trunk, forwards
    turn: FloatArray = field(init=False)  # of the trunk against the pelvis, to the left
    bend: FloatArray = field(init=False)  # of the trunk, to the left
    pitch: FloatArray = field(init=False)  # of the pelvis, forwards
    yaw: FloatArray = field(init=False)  # of the pelvis, to the left
    sway: FloatArray = field(init=False)  # of both legs, to the left
    arms: FloatArray = field(init=False)  # [T, 2, 4] forwards, outwards, twist, elbow; left and right
    legs: FloatArray = field(init=False)  # [T, 2, 3] thigh forwards, thigh outwards, knee; left and right
    lifted: FloatArray = field(init=False)  # [T, 2] 1 where a foot follows its shin, 0 where its sole is level

    def __post_init__(self) -> None:
        for name in ("lean", "turn", "bend", "pitch", "yaw", "sway"):
            setattr(self, name, np.zeros(self.frames))
        self.arms = np.tile([0.0, 8.0, 0.0, 12.0], (self.frames, 2, 1))
        self.legs = np.tile([0.0, 3.0, 0.0], (self.frames, 2, 1))
        self.lifted = np.zeros((self.frames, 2))

    def motion(self) -> HumanMotion:
        """Return the motion; feet that are not lifted stay level."""
        joints: dict[str, Rotation] = {}
        pelvis = _euler("yx", self.yaw, self.pitch)
        for k in (1, 2, 3):
            joints[f"spine{k}"] = _euler("yxz", self.turn / 3, self.lean / 3, -self.bend / 3)
        joints["head"] = _euler("yx", 0.3 * self.turn, -0.3 * self.lean)
        for k, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
            forward, out, twist, elbow = self.arms[:, k].T
            hang = _euler("z", sign * (out - 90))
            joints[f"{side}_shoulder"] = _euler("x", -forward) * hang * _euler("x", twist)
            joints[f"{side}_elbow"] = _euler("y", -sign * elbow)
            flex, spread, knee = self.legs[:, k].T
            thigh = _euler("zx", sign * spread + self.sway, -flex)
            shin = thigh * _euler("x", knee)
            free = shin * _euler("x", POINTED_DEG * self.lifted[:, k])
            foot = Rotation.from_rotvec(self.lifted[:, k, None] * free.as_rotvec())
            joints[f"{side}_hip"], joints[f"{side}_knee"] = pelvis.inv() * thigh, thigh.inv() * shin
            joints[f"{side}_ankle"] = shin.inv() * foot
        still = Rotation.identity(self.frames)
        poses = np.stack([joints.get(name, still).as_rotvec() for name in JOINTS], 1)
        return HumanMotion(pelvis, poses, np.zeros((self.frames, 3)), 1 - self.lifted)


def _euler(axes: str, *degrees: FloatArray) -> Rotation:
    """Return turns about moving axes, the first one outermost. Each [T]"""
    return Rotation.from_euler(axes.upper(), np.stack(degrees, -1), degrees=True)


def curve(frames: int, *points: tuple[float, float]) -> FloatArray:
    """Return a smooth curve through points (time as part of the clip, value) that does not overshoot. [T]"""
    at, values = zip(*points, strict=True)
    return np.asarray(PchipInterpolator(at, values)(np.linspace(0, 1, frames)))


def sit_stand(frames: int) -> HumanMotion:
    """Sit down as on a stool, and stand up again; the hands come to the knees."""
    down = curve(frames, (0, 0), (0.08, 0), (0.45, 1), (0.58, 1), (0.95, 0), (1, 0))
    a = Angles(frames)
    a.pitch, a.lean = 14 * down, 22 * np.sin(np.pi * down.clip(0, 1)) + 8 * down
    a.legs[:, :, 0], a.legs[:, :, 1], a.legs[:, :, 2] = (
        (84 * down)[:, None],
        (3 + 6 * down)[:, None],
        (90 * down)[:, None],
    )
    a.arms[:, :, 0], a.arms[:, :, 3] = (42 * down)[:, None], (12 + 45 * down)[:, None]
    return a.motion()


def reach(frames: int) -> HumanMotion:
    """Reach high up with the right hand, and then across the body down to the left knee."""
    up = curve(frames, (0, 0), (0.3, 1), (0.42, 1), (0.6, 0), (1, 0))
    low = curve(frames, (0, 0), (0.5, 0), (0.78, 1), (0.88, 1), (1, 0.75))
    a = Angles(frames)
    a.turn, a.lean, a.bend = -12 * up + 28 * low, -6 * up + 42 * low, 8 * up
    a.pitch, a.sway = 14 * low, -2 * up + 2 * low
    a.legs[:, :, 2] = (28 * low)[:, None]
    a.legs[:, :, 0] = (14 * low)[:, None]
    a.arms[:, 1, 0] = 158 * up + 52 * low
    a.arms[:, 1, 1] = 8 + 6 * up - 22 * low
    a.arms[:, 1, 3] = 12 + 10 * low + 40 * np.sin(np.pi * up)
    a.arms[:, 0, 0] = -12 * low
    a.arms[:, 0, 1] = 8 + 14 * low
    return a.motion()


def kick(frames: int) -> HumanMotion:
    """Kick with the right foot: backwards, forwards to the height of the hips, and back to the floor."""
    lifted = curve(frames, (0, 0), (0.1, 0), (0.2, 1), (0.8, 1), (0.92, 0), (1, 0))
    swing = curve(frames, (0, 0), (0.1, 0), (0.32, -28), (0.52, 78), (0.6, 72), (0.86, 14), (0.96, 0), (1, 0))
    bends = (0.1, 0), (0.18, 42), (0.32, 85), (0.44, 60), (0.53, 8), (0.62, 25), (0.72, 56), (0.84, 46), (0.96, 0)
    knee = curve(frames, (0, 0), *bends, (1, 0))
    forward = swing.clip(0) / 78
    a = Angles(frames)
    a.lifted[:, 1] = lifted
    a.legs[:, 1, 0], a.legs[:, 1, 2] = swing, knee
    a.legs[:, 0, 2], a.legs[:, 0, 0] = 12 * lifted, 6 * lifted
    a.sway, a.bend = 2 * lifted, -3 * lifted
    a.pitch, a.lean = -10 * forward, 10 * lifted - 4 * forward
    a.arms[:, 0, 0], a.arms[:, 1, 0] = 55 * forward - 10 * lifted, -0.5 * swing
    a.arms[:, :, 1] = (8 + 32 * lifted)[:, None]
    a.arms[:, :, 3] = (12 + 25 * lifted)[:, None]
    return a.motion()


def dance(frames: int) -> HumanMotion:
    """Sway from foot to foot and sweep the arms in circles, one after the other, with a turning trunk."""
    t = np.linspace(0, 1, frames)
    ease = np.clip(t / 0.12, 0, 1) ** 2 * (3 - 2 * np.clip(t / 0.12, 0, 1))
    beat, slow = np.sin(4 * np.pi * t) * ease, np.sin(2 * np.pi * t) * ease
    a = Angles(frames)
    a.sway, a.bend, a.yaw, a.turn = 6 * beat, 10 * beat, 16 * slow, 22 * slow
    a.legs[:, :, 1] = 9
    bent = 14 * ease
    a.legs[:, :, 0], a.legs[:, :, 2] = bent[:, None], (2 * bent)[:, None]
    for k, phase in enumerate((0.0, 0.35)):
        circle = 2 * np.pi * (t - phase * 0.5)
        a.arms[:, k, 1] = 8 + ease * (72 - 72 * np.cos(circle).clip(-1, 1)) * (0.9 if k else 1.0)
        a.arms[:, k, 0] = 35 * ease * np.sin(circle + phase)
        a.arms[:, k, 3] = 12 + 30 * ease * (1 + np.sin(2 * circle))
    return a.motion()


def shake(frames: int) -> HumanMotion:
    """Hold out the right hand, shake another one's up and down, and let the arm fall again."""
    out = curve(frames, (0, 0), (0.25, 1), (0.8, 1), (1, 0.2))
    pump = np.sin(2 * np.pi * np.linspace(0, 6, frames)) * curve(frames, (0, 0), (0.28, 0), (0.34, 1), (0.7, 1), (1, 0))
    a = Angles(frames)
    a.lean, a.turn, a.pitch = 5 * out, 10 * out, 3 * out
    a.arms[:, 1, 0], a.arms[:, 1, 1] = 42 * out + 5 * pump, 8 - 4 * out
    a.arms[:, 1, 3] = 12 + 38 * out + 7 * pump
    a.legs[:, :, 2] = (6 * out)[:, None]
    a.legs[:, :, 0] = (3 * out)[:, None]
    return a.motion()


@dataclass(frozen=True)
class Curves:
    """A motion made of curves, and how it is filmed."""

    make: Callable[[int], HumanMotion]
    facing_deg: float


CURVES: Mapping[str, Curves] = {
    "sit_stand": Curves(sit_stand, 35.0),
    "reach": Curves(reach, -25.0),
    "kick": Curves(kick, 60.0),
    "dance": Curves(dance, 0.0),
    "shake": Curves(shake, 40.0),
}
