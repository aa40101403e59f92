"""avatar.bvh, read back and posed by the package bvhio."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.export import Axes, in_bind_pose, write_bvh
from fit_avatar.export.axes import Z_UP
from fit_avatar.export.motion import root_motion
from fit_avatar.export.skeletons import renamed

bvhio = pytest.importorskip("bvhio")

EVEN = np.array([10, 15, 20, 25, 30, 35])


def in_world(body: Body, state: BodyState) -> NDArray[np.float64]:
    """Return the posed joints, y up. [T, J, 3]"""
    to_world = root_motion(body, state).world_from_camera
    return pose_body(body, state).joints.double().numpy() @ to_world[:3, :3].T + to_world[:3, 3]


def positions(path: Path, names: tuple[str, ...], frame: int) -> NDArray[np.float64]:
    root = bvhio.readAsHierarchy(str(path))
    root.loadPose(frame)
    found = {joint.Name: np.array(joint.PositionWorld) for joint, _, _ in root.layout()}
    return np.array([found[name] for name in names])


@pytest.mark.parametrize("bind", ["model", "t"])
@pytest.mark.parametrize("frame", [0, 3, 5])
def test_joints_are_where_the_fit_has_them(tmp_path: Path, body: Body, state: BodyState, bind: str, frame: int) -> None:
    path = write_bvh(tmp_path / "a.bvh", *in_bind_pose(body, state, bind), 25.0, EVEN)
    found = positions(path, body.joint_names, frame)
    np.testing.assert_allclose(found, in_world(body, state)[frame], atol=2e-5)


def test_another_frame_unit_and_skeleton(tmp_path: Path, body: Body, state: BodyState) -> None:
    path = write_bvh(tmp_path / "a.bvh", body, state, 25.0, EVEN, skeleton="mixamo", axes=Axes("z", "cm"))
    found = positions(path, renamed(body.joint_names, "mixamo"), 2)
    np.testing.assert_allclose(found, 100 * in_world(body, state)[2] @ Z_UP.T, atol=2e-3)
    assert np.ptp(found[:, 2]) > 100  # the person is tall along z


def test_the_rest_pose_is_the_bind_pose(tmp_path: Path, body: Body, state: BodyState) -> None:
    held, poses = in_bind_pose(body, state, "t")
    root = bvhio.readAsHierarchy(str(write_bvh(tmp_path / "a.bvh", held, poses, 25.0)))
    root.loadRestPose(recursive=True)
    found = {joint.Name: np.array(joint.PositionWorld) for joint, _, _ in root.layout()}
    rest = held.joint_template - held.joint_template[0]
    np.testing.assert_allclose([found[name] for name in body.joint_names], rest, atol=1e-5)


def test_frames_at_uneven_distances_become_a_steady_rate(tmp_path: Path, body: Body, state: BodyState) -> None:
    path = write_bvh(tmp_path / "a.bvh", body, state, 30.0, np.array([0, 3, 6, 7, 8, 15]))
    bvh = bvhio.readAsBvh(str(path))
    assert bvh.FrameCount == 6 and bvh.FrameTime == pytest.approx(0.1, abs=1e-6)  # 15 frames at 30 a second
    expected = in_world(body, state)
    for written, fitted in ((0, 0), (1, 1), (2, 2), (5, 5)):
        np.testing.assert_allclose(positions(path, body.joint_names, written), expected[fitted], atol=2e-5)


def test_frames_at_their_own_times_become_a_steady_rate(tmp_path: Path, body: Body, state: BodyState) -> None:
    path = write_bvh(tmp_path / "a.bvh", body, state, 25.0, times_s=np.array([3.0, 3.1, 3.2, 3.25, 3.3, 3.5]))
    bvh = bvhio.readAsBvh(str(path))
    assert bvh.FrameCount == 6 and bvh.FrameTime == pytest.approx(0.1, abs=1e-6)
    expected = in_world(body, state)
    for written, fitted in ((0, 0), (1, 1), (2, 2), (3, 4), (5, 5)):
        np.testing.assert_allclose(positions(path, body.joint_names, written), expected[fitted], atol=2e-5)


def test_angles_do_not_jump(tmp_path: Path, body: Body, state: BodyState) -> None:
    lines = write_bvh(tmp_path / "a.bvh", body, state, 25.0).read_text().splitlines()
    rows = np.array([line.split() for line in lines[lines.index("MOTION") + 3 :]], float)
    assert rows.shape == (6, 3 + 3 * 24)
    assert np.abs(np.diff(rows[:, 3:], axis=0)).max() <= 180
