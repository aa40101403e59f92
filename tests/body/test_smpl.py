"""Bodies of the SMPL family: files are read as they are given out, and move as in the smplx package."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fit_avatar.body import BodyState, convert_body, hand_pose, load_body, pose_body, read_smpl
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.smpl import gender_of
from fit_avatar.errors import BadInputError
from tests.body.smpl_files import PARENTS, VERTICES, model_arrays, write_npz, write_pkl

KINDS = ("smpl", "smplh", "smplx")
NAMES = {"smpl": "SMPL", "smplh": "SMPL-H", "smplx": "SMPL-X"}
FRAMES = 3


@pytest.fixture(scope="module")
def arrays():
    return {kind: model_arrays(kind) for kind in KINDS}


@pytest.fixture(scope="module")
def files(arrays, tmp_path_factory):
    """Return .npz files under names that do not tell the kind."""
    folder = tmp_path_factory.mktemp("models")
    return {kind: write_npz(folder / f"model{i}.npz", arrays[kind]) for i, kind in enumerate(KINDS)}


@pytest.fixture(scope="module")
def bodies(files):
    return {kind: read_smpl(files[kind]) for kind in KINDS}


def random_state(body, seed=0, **more):
    generator = torch.Generator().manual_seed(seed)

    def random(*shape):
        return torch.randn(*shape, generator=generator)

    return BodyState(
        betas=random(body.num_betas),
        offsets=torch.zeros_like(body.template),
        global_orient=random(FRAMES, 3),
        body_pose=0.5 * random(FRAMES, len(body.parents) - 1, 3),
        transl=random(FRAMES, 3),
        **({"expression": random(FRAMES, body.num_expression)} if body.num_expression else {}),
    )


def by_smplx(kind, path, state, use_pca=False, hands=()):
    """Return vertices and joints as the smplx package computes them; ``hands`` are its left and right hand pose."""
    smplx = pytest.importorskip("smplx")
    from smplx.utils import Struct

    options = {"model_path": str(path), "ext": "npz", "batch_size": FRAMES, "num_betas": 10}
    if kind != "smplx":
        with np.load(path) as z:
            options["data_struct"] = Struct(**{key: z[key] for key in z if key != "joint2num"})
    pose = {
        "betas": state.betas.expand(FRAMES, -1),
        "global_orient": state.global_orient,
        "transl": state.transl,
        "body_pose": state.body_pose[:, : 23 if kind == "smpl" else 21].flatten(1),
    }
    if kind != "smpl":
        options |= {"use_pca": use_pca, "num_pca_comps": 12, "flat_hand_mean": not use_pca}
        left, right = hands or (state.body_pose[:, -30:-15].flatten(1), state.body_pose[:, -15:].flatten(1))
        pose |= {"left_hand_pose": left, "right_hand_pose": right}
    if kind == "smplx":
        pose |= {name: state.body_pose[:, 21 + i] for i, name in enumerate(("jaw_pose", "leye_pose", "reye_pose"))}
        pose["expression"] = state.expression
    with torch.no_grad():
        return {"smpl": smplx.SMPL, "smplh": smplx.SMPLH, "smplx": smplx.SMPLX}[kind](**options)(**pose)


def largest(difference):
    return float(difference.abs().max())


@pytest.mark.parametrize("kind", KINDS)
def test_moves_as_in_the_smplx_package(kind, files, bodies):
    state = random_state(bodies[kind])
    expected, posed = by_smplx(kind, files[kind], state), pose_body(bodies[kind], state)
    assert largest(posed.vertices - expected.vertices) < 1e-5
    assert largest(posed.joints - expected.joints[:, : posed.joints.shape[1]]) < 1e-5


@pytest.mark.parametrize("kind", ["smplh", "smplx"])
def test_hands_by_principal_components_as_in_the_smplx_package(kind, files, bodies):
    body, state = bodies[kind], random_state(bodies[kind])
    left, right = torch.randn(2, FRAMES, 12, generator=torch.Generator().manual_seed(1))
    fingers = hand_pose(body, left, right)
    assert fingers.shape == (FRAMES, 30, 3)
    state = replace(state, body_pose=torch.cat([state.body_pose[:, :-30], fingers], 1))
    expected = by_smplx(kind, files[kind], state, use_pca=True, hands=(left, right))
    assert largest(pose_body(body, state).vertices - expected.vertices) < 1e-5


def test_face_landmarks_are_those_of_the_smplx_package(files, bodies):
    body, state = bodies["smplx"], random_state(bodies["smplx"])
    expected = by_smplx("smplx", files["smplx"], state).joints[:, 55 + 21 : 55 + 21 + 51]
    face = torch.tensor([name.startswith("face_") for name in body.landmark_names])
    found = body.landmark_regressor[face] @ pose_body(body, state).vertices
    assert [body.landmark_names[i] for i in face.nonzero()[:, 0]] == [f"face_{i}" for i in range(17, 68)]
    assert largest(found - expected) < 1e-5


def test_old_smplx_files_have_ten_columns_of_each(arrays, tmp_path):
    old = arrays["smplx"] | {"shapedirs": arrays["smplx"]["shapedirs"][..., :20]}
    path = write_npz(tmp_path / "old.npz", old)
    body = read_smpl(path)
    assert body.num_betas == 10 and body.num_expression == 10
    state = random_state(body)
    assert largest(pose_body(body, state).vertices - by_smplx("smplx", path, state).vertices) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_the_old_pickle_is_the_same_body(kind, arrays, bodies, tmp_path):
    path = write_pkl(tmp_path / "model.pkl", arrays[kind])
    assert b"chumpy.ch\nCh" in path.read_bytes() and "chumpy" not in sys.modules
    body = read_smpl(path)
    for name in ("template", "shape_basis", "joint_template", "pose_basis", "lbs_weights", "keypoint_regressor"):
        assert torch.equal(getattr(body, name), getattr(bodies[kind], name))
    assert body.parents == PARENTS[kind] and body.name == kind


@pytest.mark.parametrize("kind", KINDS)
def test_converting_makes_a_plain_file(kind, arrays, bodies, tmp_path):
    source, target = write_pkl(tmp_path / "old.pkl", arrays[kind]), tmp_path / "new" / "model.npz"
    assert convert_body(source, target) == NAMES[kind]
    with np.load(target, allow_pickle=False) as z:
        plain = {key: z[key] for key in z}
    assert set(arrays[kind]) <= set(plain) and str(plain["bs_type"]) == "lrotmin"
    assert "pose_training_info" not in plain and [path.name for path in target.parent.iterdir()] == ["model.npz"]
    body, state = read_smpl(target), random_state(bodies[kind])
    assert torch.equal(body.template, bodies[kind].template)
    assert largest(pose_body(body, state).vertices - by_smplx(kind, target, state).vertices) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_keeps_what_a_body_promises(kind, bodies, tmp_path):
    body = bodies[kind]
    count, joints = VERTICES[kind], len(PARENTS[kind])
    assert body.num_betas == 10 and body.num_expression == (10 if kind == "smplx" else 0)
    assert body.lbs_weights.shape == (count, joints) and len(body.joint_names) == joints
    assert (body.lbs_weights > 0).sum(1).max() > 4  # none is lost
    torch.testing.assert_close(body.keypoint_weights.sum(1), torch.ones(25))
    torch.testing.assert_close(body.keypoint_regressor.sum(1), torch.ones(25))
    assert body.part_names == ("face", "ears", "hands", "fingers", "feet", "toes")
    assert body.part_weights.min() >= 0 and body.part_weights.max() <= 1 + 1e-5
    assert len(body.landmark_names) == {"smpl": 0, "smplh": 42, "smplx": 93}[kind]
    assert len(body.uvs) == (11313 if kind == "smplx" else 0)
    body.save(tmp_path / "body.npz")
    again = type(body).load(tmp_path / "body.npz")
    assert again.joint_names == body.joint_names and torch.equal(again.pose_basis, body.pose_basis)


@pytest.mark.parametrize("kind", KINDS)
def test_limb_keypoints_are_the_joints(kind, bodies):
    body = bodies[kind]
    keypoints = body.keypoint_regressor @ (body.template + body.shape_basis[..., 0])
    joints = body.joint_template + body.joint_basis[..., 0]
    for name in ("left_shoulder", "right_elbow", "left_wrist", "right_hip", "left_knee", "right_ankle"):
        row, joint = BODY_25.index(name), body.joint_names.index(name)
        assert largest(keypoints[row] - joints[joint]) < 1e-5
        assert body.keypoint_weights[row, joint] == 1


def test_hands_of_smpl_have_no_components(bodies):
    with pytest.raises(BadInputError, match="smpl has no principal components"):
        hand_pose(bodies["smpl"], torch.zeros(1, 6), torch.zeros(1, 6))


def test_load_body_reads_a_file(files, bodies):
    calls = []
    body = load_body(8, lambda *call: calls.append(call), files["smplx"])
    assert body.num_betas == 8 and torch.equal(body.template, bodies["smplx"].template)
    assert calls[-1] == ("reading the body", 2, 2)


MISTAKES = {
    "missing key": ({"J_regressor": None}, r"but no J_regressor, which a body model needs"),
    "not a model": (dict.fromkeys(model_arrays("smpl")), "is not a body model"),
    "not a number": ({"v_template": np.full((6890, 3), np.nan)}, "values in v_template that are not finite numbers"),
    "shape": ({"posedirs": np.zeros((6890, 3, 9))}, r"posedirs of shape \[6890, 3, 9\] where \[6890, 3, 207\] is"),
    "flat shape": ({"shapedirs": np.zeros((6890, 30))}, r"shapedirs of shape \[6890, 30\] where \[6890, 3, any\] is"),
    "scalar": ({"v_template": np.array(3.0)}, r"v_template of shape \[\] where \[V, 3\] is expected"),
    "joints": ({"kintree_table": np.zeros((2, 16), np.uint32)}, r"has 16 joints, but only SMPL \(24\), SMPL-H \(52\)"),
    "tree": ({"kintree_table": np.full((2, 24), 23)}, "a joint comes before its parent"),
    "faces": ({"f": np.full((5, 3), 6890)}, "indices in f that point outside of the mesh"),
    "weights": ({"weights": np.zeros((6890, 24))}, "weights that do not sum to 1"),
}


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("write", [write_npz, write_pkl])
def test_a_file_that_is_no_model_is_told(name, write, arrays, tmp_path):
    changes, message = MISTAKES[name]
    changed = {key: value for key, value in (arrays["smpl"] | changes).items() if value is not None}
    with pytest.raises(BadInputError, match=message) as error:
        read_smpl(write(tmp_path / f"bad.{write.__name__[-3:]}", changed))
    assert str(error.value).startswith(str(tmp_path / "bad.")) and "\n" not in str(error.value)


def test_more_betas_than_the_file_has(files):
    with pytest.raises(BadInputError, match=r"model0\.npz has 10 shape coefficients, but 11 are asked for"):
        read_smpl(files["smpl"], 11)


def test_unreadable_files_are_told(files, tmp_path):
    with pytest.raises(BadInputError, match=r"there is no body .*none\.npz"):
        read_smpl(tmp_path / "none.npz")
    (tmp_path / "cut.npz").write_bytes(files["smpl"].read_bytes()[:1000])
    with pytest.raises(BadInputError, match=r"cut\.npz is damaged or not an \.npz file"):
        read_smpl(tmp_path / "cut.npz")
    (tmp_path / "mesh.obj").write_text("v 0 0 0\n")
    with pytest.raises(BadInputError, match=r"mesh\.obj is damaged or not a pickle"):
        read_smpl(tmp_path / "mesh.obj")
    with pytest.raises(BadInputError, match=r"model\.pkl does not end in \.npz"):
        convert_body(files["smpl"], tmp_path / "model.pkl")


@pytest.mark.parametrize("kind", ["smplh", "smplx"])
def test_files_without_components_of_the_hands(kind, arrays, tmp_path):
    """AMASS's SMPL-H and the locked-head SMPL-X: full rotations of the fingers need no components."""
    left = {key: value for key, value in arrays[kind].items() if not key.startswith("hands_")}
    body = read_smpl(write_npz(tmp_path / "body.npz", left))
    assert body.hand_components is None and body.hand_mean is None and len(body.joint_names) in (52, 55)
    with pytest.raises(BadInputError, match="no principal components of the hands"):
        hand_pose(body, torch.zeros(1, 6), torch.zeros(1, 6))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "is a pointer of Git LFS"),
        (b"\n<!DOCTYPE html><html><body>Please log in", "is a web page, not a model: log in"),
    ],
)
@pytest.mark.parametrize("name", ["SMPL_NEUTRAL.pkl", "SMPLX_NEUTRAL.npz"])
def test_what_is_saved_in_place_of_a_model_is_named(content, message, name, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError, match=message):
        read_smpl(tmp_path / name)


def test_star_is_named(arrays, tmp_path):
    changed = arrays["smpl"] | {"posedirs": np.zeros((6890, 3, 93), np.float32)}
    with pytest.raises(BadInputError, match="is a STAR model"):
        read_smpl(write_npz(tmp_path / "star.npz", changed))


@pytest.mark.parametrize(
    ("path", "gender"),
    [
        ("SMPL_MALE.pkl", "male"), ("SMPLX_FEMALE.npz", "female"), ("basicModel_f_lbs_10_207_0_v1.0.0.pkl", "female"),
        ("basicmodel_m_lbs_10_207_0_v1.1.0.pkl", "male"), ("smplh/female/model.npz", "female"),
        ("female/SMPLH_NEUTRAL.npz", "neutral"), ("SMPLX_2020.npz", "neutral"), ("familie/smpl.npz", "neutral"),
    ],
)  # fmt: skip
def test_the_gender_of_a_model_is_in_its_name(path, gender):
    assert gender_of(Path("models") / path) == gender
