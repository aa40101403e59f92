"""Recorded human motion, read from ASF/AMC files of the CMU Graphics Lab Motion Capture Database (mocap.cs.cmu.edu)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.body.joints import BODY_JOINTS

FloatArray = NDArray[np.float64]

BONES = {
    "pelvis": "root", "spine1": "lowerback", "spine2": "upperback", "spine3": "thorax", "neck": "lowerneck",
    "head": "head", "left_hip": "lfemur", "left_knee": "ltibia", "left_ankle": "lfoot", "left_foot": "ltoes",
    "left_collar": "lclavicle", "left_shoulder": "lhumerus", "left_elbow": "lradius", "left_wrist": "lhand",
}  # fmt: skip
"""The bone of the recordings that turns with each joint; those of the right side begin with r."""
PARENTS = {
    "spine1": "pelvis", "spine2": "spine1", "spine3": "spine2", "neck": "spine3", "head": "neck", "left_hip": "pelvis",
    "left_knee": "left_hip", "left_ankle": "left_knee", "left_foot": "left_ankle", "left_collar": "spine3",
    "left_shoulder": "left_collar", "left_elbow": "left_shoulder", "left_wrist": "left_elbow",
}  # fmt: skip
LEGS = ("hip", "knee", "ankle", "foot")
SPREAD_DEG = 20.0
"""In the recordings' rest pose the legs are this far apart, each; the rest is a T-pose."""
JOINTS = BODY_JOINTS[1:]
INCH_M = 0.0254
"""Lengths are inches after division by the file's own unit, as the database's page of questions says."""


@dataclass(frozen=True)
class Skeleton:
    """The bones of an ASF file."""

    axes: Mapping[str, Rotation]
    freedoms: Mapping[str, tuple[int, ...]]
    """Of each bone the axes (0 to 2) about which it turns, in the order of the numbers in an AMC file."""
    parents: Mapping[str, str]
    lengths_m: Mapping[str, float]
    metres: float
    """One unit of the file's lengths."""

    @classmethod
    def read(cls, path: Path) -> Skeleton:
        """Read an ASF file with angles in degrees."""
        text = path.read_text()
        unit = INCH_M / float(re.findall(r"^\s*length\s+(\S+)", text, re.MULTILINE)[0])
        axes, freedoms, lengths = {}, {}, {}
        parents: dict[str, str] = {}
        for bone in re.findall(r"begin(.*?)end", text[text.index(":bonedata") : text.index(":hierarchy")], re.DOTALL):
            fields = {words[0]: words[1:] for line in bone.splitlines() if (words := line.split())}
            name = fields["name"][0]
            axes[name] = Rotation.from_euler("xyz", [float(word) for word in fields["axis"][:3]], degrees=True)
            freedoms[name] = tuple(("rx", "ry", "rz").index(word) for word in fields.get("dof", ()))
            lengths[name] = unit * float(fields["length"][0])
        for line in text[text.index(":hierarchy") :].splitlines():
            parent, *children = line.split() or [""]
            parents |= {child: parent for child in children if child in axes}
        return cls(axes, freedoms, parents, lengths, unit)

    @property
    def leg_m(self) -> float:
        """The length of thigh and shin together."""
        return self.lengths_m["lfemur"] + self.lengths_m["ltibia"]

    def orientations(self, frames: list[dict[str, list[float]]]) -> dict[str, Rotation]:
        """Return the orientation of every bone against the rest pose in the T frames of an AMC file."""
        found = {"root": Rotation.from_euler("xyz", [frame["root"][3:] for frame in frames], degrees=True)}
        for bone, parent in self.parents.items():  # parents come before their children
            angles = np.zeros((len(frames), 3))
            if self.freedoms[bone]:
                angles[:, list(self.freedoms[bone])] = [frame[bone] for frame in frames]
            axis = self.axes[bone]
            found[bone] = found[parent] * axis * Rotation.from_euler("xyz", angles, degrees=True) * axis.inv()
        return found


@dataclass(frozen=True)
class Recording:
    """What an AMC file says of T frames; y is up, a person at rest faces +z."""

    root: Rotation  # [T]
    poses: FloatArray  # [T, 21, 3] axis-angles of the joints below the pelvis, zero in the T-pose
    places_m: FloatArray  # [T, 3] of the pelvis
    leg_m: float


def read_recording(path: Path) -> Recording:
    """Read an AMC file, and the ASF file of its subject beside it."""
    skeleton = Skeleton.read(path.with_name(path.stem.split("_")[0] + ".asf"))
    frames = _read_frames(path)
    found = skeleton.orientations(frames)
    places = skeleton.metres * np.array([frame["root"][:3] for frame in frames])
    return Recording(found["root"], body_pose(found), places, skeleton.leg_m)


def _read_frames(path: Path) -> list[dict[str, list[float]]]:
    """Return the numbers of every bone in every frame."""
    frames: list[dict[str, list[float]]] = []
    for line in path.read_text().splitlines():
        words = line.split()
        if not words or words[0][0] in "#:":
            continue
        if words[0].isdigit():
            frames.append({})
        else:
            frames[-1][words[0]] = [float(word) for word in words[1:]]
    return frames


def body_pose(orientations: Mapping[str, Rotation]) -> FloatArray:
    """Return the joints' axis-angles, zero in the T-pose. [T, 21, 3]"""

    def turned(joint: str) -> Rotation:
        base = joint.removeprefix("left_").removeprefix("right_")
        if base == joint:
            return orientations[BONES[joint]]
        left = joint.startswith("left_")
        bone = BONES[f"left_{base}"]
        spread = Rotation.from_euler("z", (SPREAD_DEG if left else -SPREAD_DEG) * (base in LEGS), degrees=True)
        return orientations[bone if left else "r" + bone[1:]] * spread

    def parent(joint: str) -> str:
        if not joint.startswith("right_"):
            return PARENTS[joint]
        return PARENTS[joint.replace("right_", "left_")].replace("left_", "right_")

    return np.stack([(turned(parent(joint)).inv() * turned(joint)).as_rotvec() for joint in JOINTS], 1)
