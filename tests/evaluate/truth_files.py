"""Tiny files with the exact layouts of the public data sets; joints are given in metres and camera coordinates."""

import pickle

import numpy as np
from scipy.io import savemat

from fit_avatar.evaluate import SETS

# Places of the joints as the data sets list them, by their names in our sets.
H36M_32 = {
    0: "mid_hip", 1: "right_hip", 2: "right_knee", 3: "right_ankle", 6: "left_hip", 7: "left_knee", 8: "left_ankle",
    12: "spine", 13: "thorax", 14: "jaw", 15: "head_top", 17: "left_shoulder", 18: "left_elbow", 19: "left_wrist",
    25: "right_shoulder", 26: "right_elbow", 27: "right_wrist",
}  # fmt: skip
MPI_28 = {
    3: "spine", 4: "mid_hip", 5: "thorax", 6: "jaw", 7: "head_top", 9: "left_shoulder", 10: "left_elbow",
    11: "left_wrist", 14: "right_shoulder", 15: "right_elbow", 16: "right_wrist", 18: "left_hip", 19: "left_knee",
    20: "left_ankle", 23: "right_hip", 24: "right_knee", 25: "right_ankle",
}  # fmt: skip
CDF_MARK = b"\xcd\xf3\x00\x01\x00\x00\xff\xff"


def threedpw(path, joints, cameras, valid=None, **more):
    """Write ``sequenceFiles/test/NAME.pkl``; joints of each person [N, 24, 3] in the world, cameras [N, 4, 4]."""
    count = len(cameras)
    people = range(len(joints))
    content = {
        "sequence": "courtyard_test_00",
        "betas": [np.zeros(10) for _ in people],
        "betas_clothed": [np.zeros(10) for _ in people],
        "poses": [np.zeros((count, 72)) for _ in people],
        "trans": [np.zeros((count, 3)) for _ in people],
        "poses_60Hz": [np.zeros((2 * count, 72)) for _ in people],
        "trans_60Hz": [np.zeros((2 * count, 3)) for _ in people],
        "poses2d": [np.zeros((count, 3, 18)) for _ in people],
        "jointPositions": [each.reshape(len(each), 72) for each in joints],
        "img_frame_ids": np.arange(count) * 2,
        "cam_poses": cameras,
        "cam_intrinsics": np.eye(3),
        "campose_valid": [np.ones(count, bool) if valid is None else np.asarray(valid) for _ in people],
        "genders": ["m" for _ in people],
        "texture_maps": [],
        "v_template_clothed": [],
    }
    path.write_bytes(pickle.dumps(content | more, protocol=2))
    return path


def h36m_pose(joints):
    """Return ``Pose`` [1, N, 96] in mm from the 17 joints that move [N, 17, 3]; the others are far away."""
    pose = np.full((len(joints), 32, 3), 9e3)
    for place, name in H36M_32.items():
        pose[:, place] = joints[:, SETS["h36m-17"].joints.index(name)] * 1e3
    return pose.reshape(1, len(joints), 96)


def mpi_training(path, cameras):
    """Write ``S1/Seq1/annot.mat``: a cell for each camera, [N, 84] mm of 28 joints. cameras: 17 joints of each."""

    def cells(scale):
        found = np.empty((len(cameras), 1), object)
        for k, joints in enumerate(cameras):
            whole = np.full((len(joints), 28, 3), 9e3)
            for place, name in MPI_28.items():
                whole[:, place] = joints[:, SETS["mpi-inf-17"].joints.index(name)] * 1e3 * scale
            found[k, 0] = whole.reshape(len(joints), 84)
        return found

    savemat(path, {"annot3": cells(1.0), "univ_annot3": cells(1.1), "frames": np.arange(len(cameras[0]))[:, None]})
    return path


def mpi_test(path, joints, valid):
    """Write ``TS1/annot_data.mat``, which is in HDF5. joints [N, 17, 3]"""
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        file["annot2"] = np.zeros((len(joints), 1, 17, 2))
        file["annot3"] = joints[:, None] * 1e3
        file["univ_annot3"] = joints[:, None] * 1.1e3
        file["valid_frame"] = np.asarray(valid, float)[:, None]
        file["bb_crop"] = np.zeros((len(joints), 34))
        file["activity_annotation"] = np.ones((len(joints), 1))
    return path


def humaneva(path, joints):
    """Write what ConvertHumanEva.m saves. joints [N, 15, 3]"""
    savemat(path, {"poses_3d": joints * 1e3, "poses_2d": np.zeros((3, len(joints), 15, 2))})
    return path


def amass(path, poses, trans, betas, gender="neutral"):
    """Write a motion of AMASS. poses [N, 156]"""
    np.savez(
        path, poses=poses, trans=trans, betas=betas, gender=np.array(gender), mocap_framerate=np.array(120.0),
        dmpls=np.zeros((len(poses), 8)),
    )  # fmt: skip
    return path


def people_snapshot(path, poses, trans, betas):
    """Write ``reconstructed_poses.hdf5``."""
    import h5py

    with h5py.File(path, "w") as file:
        file["pose"], file["trans"], file["betas"] = poses, trans, betas
    return path


def up_3d(path, pose, betas, rt, t):
    """Write ``00000_body.pkl``."""
    content = {"pose": pose, "betas": betas, "trans": np.zeros(3), "rt": rt, "t": t, "f": 5000.0}
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path
