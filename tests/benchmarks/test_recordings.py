"""Recorded motion is read in metres and in the joints of the SMPL family."""

from pathlib import Path

import numpy as np
import pytest

from lib.motions import FPS, Take, recorded
from lib.recordings import JOINTS, PARENTS, read_recording

CHAIN = {
    "lowerback": "root", "upperback": "lowerback", "thorax": "upperback", "lowerneck": "thorax", "head": "lowerneck",
    "femur": "root", "tibia": "femur", "foot": "tibia", "toes": "foot",
    "clavicle": "thorax", "humerus": "clavicle", "radius": "humerus", "hand": "radius",
}  # fmt: skip
LEG = ("femur", "tibia", "foot", "toes")
SIDED = (*LEG, "clavicle", "humerus", "radius", "hand")


def write_recording(folder: Path, frames: list[dict[str, str]]) -> Path:
    """Write a person with the database's rest pose; each frame says what is not zero."""
    bones = {}
    for name, parent in CHAIN.items():
        for side, sign in (("l", 1), ("r", -1)) if name in SIDED else (("", 0),):
            above = f"{side}{parent}" if parent in SIDED else parent
            bones[f"{side}{name}"] = (above, 20 * sign if name in LEG else 0)
    data = "".join(
        f"begin\n id {i}\n name {name}\n direction 0 -1 0\n length 7.5\n axis 0 0 {axis} XYZ\n dof rx ry rz\nend\n"
        for i, (name, (_, axis)) in enumerate(bones.items(), 1)
    )
    tree = "".join(f"{parent} {name}\n" for name, (parent, _) in bones.items())
    units = ":units\n mass 1.0\n length 0.45\n angle deg\n"
    (folder / "09.asf").write_text(f"{units}:bonedata\n{data}:hierarchy\nbegin\n{tree}end\n")
    still = {"root": "0 0 0 0 0 0", **dict.fromkeys(bones, "0 0 0")}
    lines = [":FULLY-SPECIFIED", ":DEGREES"]
    for i, frame in enumerate(frames, 1):
        lines += [str(i), *(f"{name} {numbers}" for name, numbers in {**still, **frame}.items())]
    file = folder / "09_01.amc"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_recording_is_in_metres_and_in_the_joints_of_the_smpl_family(tmp_path: Path):
    file = write_recording(tmp_path, [{}, {"root": "0 18 9 0 90 0", "ltibia": "40 0 0", "rhumerus": "0 0 30"}])
    recording = read_recording(file)
    assert recording.places_m[1] == pytest.approx([0, 18 / 0.45 * 0.0254, 9 / 0.45 * 0.0254])
    assert recording.leg_m == pytest.approx(15 / 0.45 * 0.0254)
    assert np.degrees(recording.root.as_rotvec()[1]) == pytest.approx([0, 90, 0])
    poses = {name: np.degrees(recording.poses[1, k]) for k, name in enumerate(JOINTS)}
    assert poses.pop("right_shoulder") == pytest.approx([0, 0, 30])
    knee = poses.pop("left_knee")
    assert knee[0] == pytest.approx(40)
    assert knee[1:] == pytest.approx(0, abs=1e-9)
    hips = {name: poses.pop(name) for name in ("left_hip", "right_hip")}  # the rest pose has its legs apart
    assert hips["left_hip"][2] == -hips["right_hip"][2] == pytest.approx(20)
    assert np.abs(np.stack(list(poses.values()))).max() < 1e-9


def test_between_recorded_frames_the_motion_is_smooth(tmp_path: Path):
    angles = 40 * np.sin(np.arange(16) / 15 * 2 * np.pi)
    file = write_recording(tmp_path, [{"root": f"{a} 18 0 0 0 0", "ltibia": f"{a} 0 0"} for a in angles])
    motion = recorded(tmp_path, Take("09_01", 0.2, 0.0), 10, 15.0)
    recording = read_recording(file)
    assert motion.poses[::2] == pytest.approx(recording.poses[3:8], abs=1e-6)
    bend = np.degrees(motion.poses[:, JOINTS.index("left_knee"), 0])
    true = 40 * np.sin((0.2 + np.arange(10) / FPS) * 2 * np.pi)
    assert bend == pytest.approx(true, abs=0.2)
    assert len(recorded(tmp_path, Take("09_01", 0.5, 0.0), 60, 15.0).poses) == 16


def test_every_joint_below_the_pelvis_has_a_parent():
    named = {name.replace("right_", "left_") for name in JOINTS}
    assert named == set(PARENTS)
