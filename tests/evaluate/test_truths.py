"""Truths of every layout are read as they are given out, and a known error of the avatar gives its known score."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.io import savemat
from scipy.spatial.transform import Rotation
from toy_body import tuft

from fit_avatar.body import BodyState, Motion, pose_body, read_smpl
from fit_avatar.body.hanging_hair import with_hair
from fit_avatar.errors import BadInputError, MissingDependencyError
from fit_avatar.evaluate import SETS, Choice, evaluate_motion, read_truth
from fit_avatar.evaluate.score import BETWEEN
from tests.body.smpl_files import model_arrays, write_npz
from tests.evaluate import truth_files

FRAMES = 6
FAR = np.array([0.3, -0.2, 5.0])


@pytest.fixture
def motion(state):
    return Motion(np.arange(FRAMES), np.arange(FRAMES) / 30, state)


@pytest.fixture
def joints(body, state):
    """The avatar's joints by name."""
    posed = pose_body(body, state).joints.double().numpy()
    found = {name: posed[:, j] for j, name in enumerate(body.joint_names)}
    return found | {name: (found[a] + found[b]) / 2 for name, (a, b) in BETWEEN.items()}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_npz(tmp_path_factory.mktemp("models") / "SMPL_NEUTRAL.npz", model_arrays("smpl"))


@pytest.fixture(scope="module")
def smpl(model):
    return read_smpl(model)


@pytest.fixture(scope="module")
def parameters():
    random = np.random.default_rng(3)
    poses = random.normal(0, 0.3, (FRAMES, 72))
    poses[:, :3] += [np.pi, 0, 0]
    return poses, random.normal(0, 0.2, (FRAMES, 3)) + [0, 0, 3], random.normal(0, 1, 10)


def stacked(joints, name, lacking=FAR):
    """Return the joints of a set; those that the avatar has not are somewhere."""
    return np.stack([joints.get(each, np.broadcast_to(lacking, (FRAMES, 3))) for each in SETS[name].joints], 1)


def cameras():
    """Return a camera that moves: from the world to its coordinates. [N, 4, 4]"""
    found = np.tile(np.eye(4), (FRAMES, 1, 1))
    found[:, :3, :3] = Rotation.from_rotvec(np.linspace([0, 0, 0], [0.2, 1.5, 0.1], FRAMES)).as_matrix()
    found[:, :3, 3] = np.linspace([0, 0, 2], [1, 0, 3], FRAMES)
    return found


def to_world(points, moved):
    return (points - moved[:, None, :3, 3]) @ moved[:, :3, :3]


class TestThreeDpw:
    def write(self, path, joints, offset=0.0, **more):
        points = stacked(joints, "smpl-24") + FAR
        points[:, 20] += [0, 0, offset]  # a wrist
        return truth_files.threedpw(path, [to_world(points, cameras())], cameras(), **more)

    def test_the_moving_camera_is_undone_and_a_known_error_is_measured(self, body, motion, joints, tmp_path):
        truth = read_truth(self.write(tmp_path / "a.pkl", joints, offset=0.24))
        scores = evaluate_motion(body, motion, truth)
        assert scores.protocol == "3dpw" and scores.frames == FRAMES and len(scores.joints) == 24
        assert scores.mpjpe_mm == pytest.approx(10, abs=1e-3)
        assert scores.pck_50 == scores.pck_150 == pytest.approx(100 * 23 / 24)
        assert 10 < scores.pa_mpjpe_mm < 30 and scores.worst[0][0] == "left_wrist"
        assert scores.acceleration_error_mm == pytest.approx(0, abs=1e-3)
        assert scores.acceleration_mm == pytest.approx(scores.true_acceleration_mm, abs=1e-3)
        assert scores.acceleration_mm > 1

    def test_frames_without_a_valid_camera_do_not_count(self, body, motion, joints, tmp_path):
        moved = {name: each + np.eye(FRAMES)[2][:, None] * (name == "head") for name, each in joints.items()}
        assert evaluate_motion(body, motion, read_truth(self.write(tmp_path / "a.pkl", moved))).mpjpe_mm > 5
        valid = np.arange(FRAMES) != 2
        truth = read_truth(self.write(tmp_path / "a.pkl", moved, valid=valid))
        scores = evaluate_motion(body, motion, truth)
        assert scores.frames == FRAMES - 1 and scores.mpjpe_mm == pytest.approx(0, abs=1e-3)
        assert scores.notes[0] == "1 frames without a valid camera are left out"
        assert scores.acceleration_error_mm == pytest.approx(0, abs=1e-3)  # of frames 3, 4, 5 alone

    def test_frames_are_matched_by_their_numbers(self, body, motion, joints, tmp_path):
        truth = read_truth(self.write(tmp_path / "a.pkl", joints))
        part = replace(motion, frame_indices=np.arange(FRAMES) + 100)
        with pytest.raises(BadInputError, match=r"frames 100 to 105 and the truth 0 to 5.*--offset"):
            evaluate_motion(body, part, truth)
        assert evaluate_motion(body, part, truth, offset=-100).mpjpe_mm == pytest.approx(0, abs=1e-3)
        assert evaluate_motion(body, part, truth, offset=-101).mpjpe_mm > 5

    def test_one_of_two_people(self, body, motion, joints, tmp_path):
        points = stacked(joints, "smpl-24")
        path = truth_files.threedpw(
            tmp_path / "two.pkl", [to_world(each, cameras()) for each in (points[:, ::-1], points)], cameras()
        )
        with pytest.raises(BadInputError, match="2 people: say which with --person 0 to 1"):
            read_truth(path)
        with pytest.raises(BadInputError, match="no person 2"):
            read_truth(path, Choice(person=2))
        assert evaluate_motion(body, motion, read_truth(path, Choice(person=1))).mpjpe_mm == pytest.approx(0, abs=1e-3)
        assert evaluate_motion(body, motion, read_truth(path, Choice(person=0))).mpjpe_mm > 100

    def test_what_does_not_fit_is_told(self, joints, tmp_path):
        path = truth_files.threedpw(tmp_path / "a.pkl", [np.zeros((3, 24, 3))], np.zeros((4, 4, 4)))
        with pytest.raises(BadInputError, match="3 of jointPositions, 4 of cam_poses"):
            read_truth(path)
        path = self.write(tmp_path / "a.pkl", joints, cam_poses=np.full((FRAMES, 4, 4), np.nan))
        with pytest.raises(BadInputError, match="cam_poses has values that are not finite"):
            read_truth(path)


class TestHuman36m:
    NAME = "Directions 1.60457274.cdf"

    @pytest.fixture
    def write(self, monkeypatch, tmp_path):
        """Write a file of which a stand-in for cdflib knows the content."""

        def write(pose, name=self.NAME):
            reader = SimpleNamespace(CDF=lambda _: SimpleNamespace(varget={"Pose": pose}.__getitem__))
            monkeypatch.setitem(sys.modules, "cdflib", reader)
            path = tmp_path / name
            path.write_bytes(truth_files.CDF_MARK)
            return path

        return write

    def test_seventeen_of_thirty_two_joints(self, write, body, motion, joints):
        points = stacked(joints, "h36m-17") + FAR
        truth = read_truth(write(truth_files.h36m_pose(points)))
        assert truth.camera == "60457274" and truth.fps == 50
        np.testing.assert_allclose(truth.joints, points, atol=1e-9)
        scores = evaluate_motion(body, motion, truth)
        assert len(scores.joints) == 14 and scores.of_joints == 17
        assert scores.mpjpe_mm == pytest.approx(0, abs=1e-3)
        assert "no counterpart of spine, jaw, head_top" in scores.notes[1]

    def test_every_fifth_frame_counts(self, write, body, motion, joints):
        points = stacked(joints, "h36m-17")
        knee = SETS["h36m-17"].joints.index("left_knee")
        points[[1, 2, 3, 4], knee] += 1
        points[5, knee] += [0, 0.13, 0]
        truth = read_truth(write(truth_files.h36m_pose(points)))
        scores = evaluate_motion(body, motion, truth, "h36m-p1")
        assert scores.frames == 2
        assert len(scores.joints) == 13  # LSP's without the top of the head
        assert scores.mpjpe_mm == pytest.approx(130 / 13 / 2, abs=1e-3)
        few = replace(motion, frame_indices=np.array([1, 2, 3, 4, 90, 91]))
        with pytest.raises(BadInputError, match="every 5th frame of the truth, of which the avatar has none"):
            evaluate_motion(body, few, truth, "h36m-p1")

    def test_protocol_two_is_about_the_frontal_camera(self, write, body, motion, joints):
        pose = truth_files.h36m_pose(stacked(joints, "h36m-17"))
        assert evaluate_motion(body, motion, read_truth(write(pose)), "h36m-p2").frames == 2
        other = read_truth(write(pose, "Directions 1.54138969.cdf"))
        with pytest.raises(BadInputError, match="about camera 60457274 alone, but the truth is of camera 54138969"):
            evaluate_motion(body, motion, other, "h36m-p2")

    def test_joints_of_the_room_are_aligned_as_a_whole(self, write, body, motion, joints):
        turn = Rotation.from_rotvec([1.5, 0.2, 0]).as_matrix()
        points = stacked({name: each @ turn.T + FAR for name, each in joints.items()}, "h36m-17")
        truth = read_truth(write(truth_files.h36m_pose(points), "Directions 1.cdf"))
        scores = evaluate_motion(body, motion, truth)
        assert not scores.in_camera and "clip aligned" in str(scores)
        assert scores.mpjpe_mm == pytest.approx(0, abs=1e-3)
        assert scores.acceleration_error_mm == pytest.approx(0, abs=1e-3)

    def test_conversions_by_others(self, tmp_path, joints):
        h5py = pytest.importorskip("h5py")
        points = stacked(joints, "h36m-17")
        with h5py.File(tmp_path / "Directions.h5", "w") as file:
            file["3D_positions"] = truth_files.h36m_pose(points)[0].T
        cell = np.empty((1, 1), object)
        cell[0, 0] = truth_files.h36m_pose(points)[0]
        savemat(tmp_path / "Directions.cdf.mat", {"data": cell})
        for name in ("Directions.h5", "Directions.cdf.mat"):
            truth = read_truth(tmp_path / name)
            np.testing.assert_allclose(truth.joints, points, atol=1e-6)
            assert not truth.in_camera

    def test_a_real_file(self, tmp_path, joints):
        pytest.importorskip("cdflib")
        from cdflib.cdfwrite import CDF

        points = stacked(joints, "h36m-17")
        path = tmp_path / self.NAME
        with CDF(path, cdf_spec={"Compressed": 0}) as file:
            spec = {
                "Variable": "Pose", "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True, "Var_Type": "zVariable",
                "Dim_Sizes": [FRAMES, 96],
            }  # fmt: skip
            file.write_var(spec, var_data=truth_files.h36m_pose(points).astype(np.float32))
        np.testing.assert_allclose(read_truth(path).joints, points, atol=1e-5)

    def test_what_is_wrong_is_told(self, write, monkeypatch, tmp_path):
        with pytest.raises(BadInputError, match=r"Pose has the shape \[6, 51\] where \[any, 96\]"):
            read_truth(write(np.zeros((1, 6, 51))))
        path = write(np.zeros((1, 6, 96)))
        monkeypatch.setitem(sys.modules, "cdflib", None)
        with pytest.raises(MissingDependencyError, match="need the package cdflib"):
            read_truth(path)
        path.write_bytes(b"anything else")
        with pytest.raises(BadInputError, match="not a file in CDF"):
            read_truth(path)


class TestMpiInf3dhp:
    def test_a_camera_of_the_training_part(self, body, motion, joints, tmp_path):
        points = stacked(joints, "mpi-inf-17")
        path = truth_files.mpi_training(tmp_path / "annot.mat", [points[:, ::-1], points])
        with pytest.raises(BadInputError, match="2 cameras: say which with --camera 0 to 1"):
            read_truth(path)
        with pytest.raises(BadInputError, match="no camera 2"):
            read_truth(path, Choice(camera=2))
        truth = read_truth(path, Choice(camera=1))
        np.testing.assert_allclose(truth.joints, points, atol=1e-9)
        scores = evaluate_motion(body, motion, truth)
        assert scores.protocol == "mpi-inf-3dhp" and scores.mpjpe_mm == pytest.approx(0, abs=1e-3)
        assert scores.pck_150 == scores.auc == 100
        larger = read_truth(path, Choice(camera=1, universal=True))
        np.testing.assert_allclose(larger.joints, 1.1 * points, atol=1e-9)
        assert evaluate_motion(body, motion, larger).protocol == "mpi-inf-3dhp-universal"

    def test_the_test_part_has_frames_that_do_not_count(self, body, motion, joints, tmp_path):
        pytest.importorskip("h5py")
        points = stacked(joints, "mpi-inf-17")
        points[0] += 1e3 * np.random.default_rng(0).normal(size=points[0].shape)
        points[3, SETS["mpi-inf-17"].joints.index("right_wrist")] += [0.16, 0, 0]
        path = truth_files.mpi_test(tmp_path / "annot_data.mat", points, np.arange(FRAMES) > 0)
        scores = evaluate_motion(body, motion, read_truth(path))
        assert scores.frames == FRAMES - 1
        assert scores.pck_150 == pytest.approx(100 * (1 - 1 / (13 * 5)))  # the top of the head is not the avatar's

    def test_other_hdf5_files_are_told(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["masks"] = np.zeros(3)
        with pytest.raises(BadInputError, match="no annot3 with valid_frame but masks"):
            read_truth(tmp_path / "a.h5")


def test_humaneva_as_its_toolkit_gives_it(body, motion, joints, tmp_path):
    turn = Rotation.from_rotvec([-1.5, 0.1, 0]).as_matrix()
    points = stacked({name: each @ turn.T for name, each in joints.items()}, "humaneva-15")
    points[4, 2] = np.nan
    scores = evaluate_motion(body, motion, read_truth(truth_files.humaneva(tmp_path / "Walking_1.mat", points)))
    assert scores.protocol == "humaneva" and scores.frames == FRAMES - 1 and not scores.in_camera
    assert scores.pa_mpjpe_mm == pytest.approx(0, abs=1e-3)
    with pytest.raises(BadInputError, match=r"\[6, 20, 3\] where \[frames, 15, 3\]"):
        read_truth(truth_files.humaneva(tmp_path / "Walking_1.mat", np.zeros((FRAMES, 20, 3))))
    (tmp_path / "Walking_1.c3d").write_bytes(b"\x02P")
    with pytest.raises(BadInputError, match="holds markers, not joints"):
        read_truth(tmp_path / "Walking_1.c3d")


class TestParameters:
    """Truths that are SMPL's parameters, and an avatar with SMPL's mesh."""

    def avatar(self, smpl, parameters, shift=0.0):
        """Return the motion of the parameters with one vertex-wise error: all but the pelvis's own place moves."""
        poses, trans, betas = (torch.tensor(each, dtype=torch.float32) for each in parameters)
        offsets = torch.zeros_like(smpl.template)
        offsets[:, 0] = shift
        state = BodyState(betas, offsets, poses[:, :3], poses[:, 3:].reshape(FRAMES, -1, 3), trans)
        return Motion(np.arange(FRAMES), np.arange(FRAMES) / 30, state)

    def test_people_snapshot(self, smpl, model, parameters, tmp_path):
        pytest.importorskip("h5py")
        path = truth_files.people_snapshot(tmp_path / "reconstructed_poses.hdf5", *parameters)
        with pytest.raises(BadInputError, match=r"parameters of a neutral SMPL body .*--truth-body"):
            read_truth(path)
        truth = read_truth(path, Choice(body=model))
        scores = evaluate_motion(smpl, self.avatar(smpl, parameters), truth)
        assert scores.mpjpe_mm == pytest.approx(0, abs=0.01) and scores.pve_mm == pytest.approx(0, abs=0.01)
        assert len(scores.joints) == 24
        assert not any("only roughly" in note for note in scores.notes)
        wider = evaluate_motion(smpl, self.avatar(smpl, parameters, shift=0.02), truth)
        assert wider.mpjpe_mm == pytest.approx(0, abs=0.01)
        assert 10 < wider.pve_mm <= 20.01  # blended rotations shorten it
        assert {each.name for each in wider.regions} >= {"hands", "feet", "rest"}
        assert "worst frame" in str(wider)

    def test_hair_of_its_own_is_not_compared(self, smpl, model, parameters, tmp_path):
        pytest.importorskip("h5py")
        truth = read_truth(
            truth_files.people_snapshot(tmp_path / "reconstructed_poses.hdf5", *parameters), Choice(body=model)
        )
        textured = replace(smpl, uvs=torch.zeros(1, 2), uv_faces=torch.zeros_like(smpl.faces))
        haired, motion = with_hair(textured, tuft(smpl)), self.avatar(smpl, parameters)
        offsets = torch.cat([motion.state.offsets, torch.full((4, 3), 0.1)])
        scores = evaluate_motion(haired, replace(motion, state=replace(motion.state, offsets=offsets)), truth)
        assert scores == evaluate_motion(smpl, motion, truth) and scores.pve_mm is not None

    def test_amass_is_in_its_own_world(self, smpl, model, parameters, tmp_path):
        poses, trans, betas = parameters
        quarter = Rotation.from_rotvec([np.pi / 2, 0, 0])
        pelvis = smpl.joint_template[0].double().numpy() + smpl.joint_basis[0, :, :10].double().numpy() @ betas
        turned = np.zeros((FRAMES, 156))
        turned[:, :66] = poses[:, :66]
        turned[:, :3] = (quarter * Rotation.from_rotvec(poses[:, :3])).as_rotvec()
        path = truth_files.amass(
            tmp_path / "a.npz", turned, quarter.apply(trans + pelvis) - pelvis, np.r_[betas, np.zeros(6)]
        )
        truth = read_truth(path, Choice(body=model))
        assert truth.fps == 120 and not truth.in_camera
        scores = evaluate_motion(smpl, self.avatar(smpl, parameters), truth, "smpl-24")
        assert scores.mpjpe_mm < 5  # SMPL's hand joints, which SMPL-H has not, rest
        assert scores.pve_mm is None
        truth_files.amass(path, turned, trans, np.ones(16))
        with pytest.raises(BadInputError, match=r"16 shape coefficients, but .* only 10"):
            read_truth(path, Choice(body=model))

    def test_up_3d_is_one_picture(self, smpl, model, parameters, tmp_path):
        poses, trans, betas = parameters
        turn = Rotation.from_rotvec([0.1, 0.5, 0])
        own = (turn.inv() * Rotation.from_rotvec(poses[0, :3])).as_rotvec()
        path = truth_files.up_3d(
            tmp_path / "00000_body.pkl", np.r_[own, poses[0, 3:]], betas, turn.as_rotvec(), trans[0]
        )
        scores = evaluate_motion(smpl, self.avatar(smpl, parameters), read_truth(path, Choice(body=model)))
        assert scores.frames == 1 and scores.mpjpe_mm == pytest.approx(0, abs=0.01)
        assert scores.pve_mm == pytest.approx(0, abs=0.01)
        assert scores.acceleration_mm is None and "no three frames follow" in str(scores)

    def test_the_surface_of_3dpw_and_its_regressed_joints(self, smpl, model, parameters, tmp_path):
        poses, trans, betas = parameters
        avatar = self.avatar(smpl, parameters)
        joints = pose_body(smpl, avatar.state).joints.double().numpy()
        still = np.tile(np.eye(4), (FRAMES, 1, 1))
        path = truth_files.threedpw(
            tmp_path / "a.pkl", [joints], still, poses=[poses], trans=[trans], betas=[np.r_[betas, np.zeros(290)]]
        )
        with pytest.raises(BadInputError, match="3dpw-14 regresses the true joints"):
            evaluate_motion(smpl, avatar, read_truth(path), "3dpw-14")
        truth = read_truth(path, Choice(body=model))
        rows = regressor(smpl, swapped=True)
        np.save(tmp_path / "J_regressor_h36m.npy", rows)
        scores = evaluate_motion(smpl, avatar, truth, "3dpw-14", tmp_path / "J_regressor_h36m.npy")
        assert len(scores.joints) == 14 and scores.mpjpe_mm == pytest.approx(0, abs=0.01)
        np.save(tmp_path / "other.npy", regressor(smpl, swapped=False))
        other = evaluate_motion(smpl, self.avatar(smpl, parameters, 0.02), truth, "3dpw-14", tmp_path / "other.npy")
        assert other.mpjpe_mm > 1  # the surface has moved, although the joints have not
        np.save(tmp_path / "wrong.npy", rows[::-1])
        with pytest.raises(BadInputError, match="does not put the joints of this body in their places"):
            evaluate_motion(smpl, avatar, truth, "3dpw-14", tmp_path / "wrong.npy")
        np.save(tmp_path / "wrong.npy", rows[:, :100])
        with pytest.raises(BadInputError, match="for 100 vertices, but the body has 6890"):
            evaluate_motion(smpl, avatar, truth, "3dpw-14", tmp_path / "wrong.npy")

    def test_the_gender_must_be_the_truths(self, model, parameters, joints, tmp_path):
        female = tmp_path / "SMPL_FEMALE.npz"
        female.write_bytes(model.read_bytes())
        path = truth_files.threedpw(
            tmp_path / "a.pkl", [np.zeros((FRAMES, 24, 3))], np.tile(np.eye(4), (FRAMES, 1, 1)), genders=["m"]
        )
        with pytest.raises(BadInputError, match=r"of a male body, but .*FEMALE.npz is female"):
            read_truth(path, Choice(body=female))
        with pytest.raises(BadInputError, match="no model file for a male body"):
            read_truth(path, Choice(body=tmp_path))
        (tmp_path / "SMPL_MALE.npz").write_bytes(model.read_bytes())
        assert read_truth(path, Choice(body=tmp_path)).motion.body.gender == "male"
        without = truth_files.threedpw(tmp_path / "b.pkl", [np.zeros((2, 24, 3))], np.zeros((2, 4, 4)), betas=[])
        with pytest.raises(BadInputError, match="has no betas of person 0"):
            read_truth(without, Choice(body=tmp_path))


def regressor(smpl, swapped):
    """Return 17 rows in Human3.6M's order, or with left and right exchanged: the vertex that is nearest."""
    template = smpl.template.double().numpy()
    side = {"left": 0.15, "right": -0.15}
    height = {
        "hip": -0.2, "knee": -0.6, "ankle": -1.0, "spine": 0.0, "thorax": 0.25, "jaw": 0.35, "top": 0.5,
        "shoulder": 0.2, "elbow": 0.1, "wrist": 0.0,
    }  # fmt: skip
    rows = np.zeros((17, len(template)))
    for row, name in zip(rows, SETS["h36m-17"].joints, strict=True):
        x = side.get(name.split("_")[0], 0.0)
        at = [-x if swapped else x, height[name.split("_")[-1]], 0.0]
        row[np.argmin(np.linalg.norm(template - at, axis=1))] = 1
    return rows


def test_a_truth_with_more_frames_than_the_clip(body, motion, joints, tmp_path):
    points = np.repeat(stacked(joints, "smpl-24"), 4, axis=0)
    points[np.arange(len(points)) % 4 != 3] += 1
    points[:, 20] += np.arange(len(points))[:, None] % 4 == 3  # a wrist of every frame that counts
    np.savez(tmp_path / "a.npz", joints=points)
    truth = replace(read_truth(tmp_path / "a.npz"), fps=120.0)
    scores = evaluate_motion(body, motion, truth, offset=3, step=4)
    assert scores.frames == FRAMES and scores.fps == 30
    assert scores.mpjpe_mm == pytest.approx(1e3 * 3**0.5 / 24, abs=1e-2)
    assert scores.acceleration_error_mm == pytest.approx(0, abs=1e-3)
    assert not any("a second" in note for note in scores.notes)
    told = evaluate_motion(body, motion, truth).notes
    assert "the truth has 120 frames a second and the clip 30, but frames are matched one to one: see --step" in told


def test_joints_in_millimetres_are_told(joints, tmp_path):
    np.savez(tmp_path / "a.npz", joints=1e3 * stacked(joints, "smpl-24"))
    with pytest.raises(BadInputError, match="spans more than 10 m in a frame: give it in metres"):
        read_truth(tmp_path / "a.npz")


def test_plain_joints(body, motion, joints, tmp_path):
    np.savez(tmp_path / "a.npz", joints=stacked(joints, "smpl-24")[::2], frame_indices=[0, 2, 4])
    scores = evaluate_motion(body, motion, read_truth(tmp_path / "a.npz"))
    assert scores.frames == 3 and scores.mpjpe_mm == pytest.approx(0, abs=1e-3)
    assert scores.acceleration_mm is None


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.npz", b"nothing", "damaged or not an .npz file"),
        ("a.mat", b"nothing", "damaged or not a file of MATLAB"),
        ("a.pkl", b"cos\nsystem\n(S'true'\ntR.", "wants to run os.system"),
        ("a.pkl", b"\x80\x02}.", "of no layout that is known"),
    ],
)
def test_other_files_are_told(name, content, sentence, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError, match=sentence):
        read_truth(tmp_path / name)


def test_a_protocol_that_does_not_fit_is_told(body, motion, joints, tmp_path):
    np.savez(tmp_path / "a.npz", joints=stacked(joints, "smpl-24"))
    truth = read_truth(tmp_path / "a.npz")
    with pytest.raises(BadInputError, match=r"mpi-inf-3dhp compares the 17 joints .* give the protocol smpl-24"):
        evaluate_motion(body, motion, truth, "mpi-inf-3dhp")
    with pytest.raises(BadInputError, match="there is no protocol h36m: choose one of 3dpw, 3dpw-14"):
        evaluate_motion(body, motion, truth, "h36m")
