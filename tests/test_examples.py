"""The examples, on tiny clips with known truth: each does what it says."""

import ast
import importlib
import json
import re
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import trimesh
from synthetic import CAMERA, write_clip

from fit_avatar import Avatar, Term, fit_capture, preset
from fit_avatar.arguments import parse
from fit_avatar.body import BodyState, load_body, pose_body
from fit_avatar.capture import observe
from fit_avatar.cli import main
from fit_avatar.fitting import Initialise, load_extension, video_avatar
from fit_avatar.report import measure_agreement
from fit_avatar.results import OVERLAY, PREVIEW, REPORT
from fit_avatar.solvers import Unknowns
from tests.body.smpl_files import write_pkl

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("[0-9]*.py"))
HEAD, RIGHT_HAND = 15, 23


def example(number):
    return load_extension(next(EXAMPLES.glob(f"{number}_*.py")))


def given(folder):
    return {"keypoints": folder / "keypoints", "masks": folder / "masks", "camera": CAMERA}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(load_body(), tmp_path_factory.mktemp("clip"), frames=8)


@pytest.fixture(scope="module")
def finished(clip):
    out = clip.folder / "out"
    options = {"height_m": clip.height_m, "out": out, "texture_size": 256}
    return example("01").main(clip.folder / "video.mp4", **options, **given(clip.folder)), out


def test_all_examples_are_tested_and_say_what_they_show():
    source = Path(__file__).read_text()
    for name in NAMES:
        text = (EXAMPLES / f"{name}.py").read_text()
        assert text.startswith('"""') and f"python examples/{name}.py" in text
        assert f'example("{name[:2]}")' in source


def test_fit_a_clip_is_near_the_truth(clip, finished):
    avatar, out = finished
    assert {"avatar.glb", "avatar.obj", "avatar.npz", "preview.png"} <= {path.name for path in out.iterdir()}
    assert (avatar.posed().joints - clip.joints).norm(dim=-1).mean() < 0.03
    assert all(summary.energy_after < summary.energy_before for _, summary in avatar.solves)


def test_change_weights_makes_motion_smoother(clip, tmp_path):
    module = example("02")
    before, after = module.main(clip.folder / "video.mp4", clip.height_m, tmp_path, **given(clip.folder))
    assert module.shake(after) < 0.5 * module.shake(before)
    assert all(cv2.imread(str(tmp_path / name)) is not None for name in ("usual.png", "stiffer.png"))


def test_custom_energy_is_met_by_every_optimiser(clip, tmp_path):
    module = example("03")
    left, right = clip.joints[:, 7], clip.joints[:, 8]
    truth = (left - right).norm(dim=-1).mean() + 0.05  # what keypoints alone would not give
    avatars = module.main(
        clip.folder / "video.mp4", clip.height_m, float(truth), tmp_path, quick=True, **given(clip.folder)
    )  # fmt: skip
    names = ["GaussNewton", "LBFGS", "Adam"]
    assert [avatar.solves[0][1].optimiser for avatar in avatars] == names
    assert all(cv2.imread(str(tmp_path / f"{name}.png")) is not None for name in names)
    for avatar in avatars:
        joints = avatar.posed().joints
        apart = (joints[:, 7] - joints[:, 8]).norm(dim=-1)
        assert (apart - truth).abs().max() < 0.01


def smpl_arrays(source):
    """Return a person under SMPL's keys: the free body in the T-pose, with texture coordinates of its own."""

    def t_pose(betas):
        zero = torch.zeros(1, 3)
        state = BodyState(betas, torch.zeros_like(source.template), zero, torch.zeros(1, 23, 3), zero)
        posed = pose_body(source, state)
        return posed.vertices[0].double().numpy(), posed.joints[0].double().numpy()

    template, joints = t_pose(torch.zeros(source.num_betas))
    basis = [t_pose(one)[0] - template for one in torch.eye(source.num_betas)]
    regressor = np.zeros((len(joints), len(template)))
    for row, joint in zip(regressor, joints, strict=True):
        near = np.argsort(np.linalg.norm(template - joint, axis=1))[:60]
        rows = np.concatenate([template[near].T, np.ones((1, len(near)))])
        row[near] = np.linalg.lstsq(rows, [*joint, 1.0], rcond=None)[0]
    return {
        "v_template": template,
        "f": source.faces.numpy().astype(np.uint32),
        "shapedirs": np.stack(basis, -1),
        "posedirs": np.zeros((len(template), 3, 207), np.float32),
        "J_regressor": regressor,
        "weights": source.lbs_weights.numpy(),
        "kintree_table": np.array([source.parents, range(len(joints))]).astype(np.uint32),
        "vt": source.uvs.numpy(),
        "ft": source.uv_faces.numpy(),
    }


def test_smpl_body_is_converted_and_fitted(tmp_path):
    model = write_pkl(tmp_path / "model.pkl", smpl_arrays(load_body()))
    body = load_body(path=model)
    clip = write_clip(body, tmp_path / "clip", frames=6)
    avatar = example("04").main(
        model, clip.folder / "video.mp4", clip.height_m, tmp_path / "out",
        schedule=[Initialise(), video_avatar().action("pose from keypoints")], texture_size=None, **given(clip.folder),
    )  # fmt: skip
    assert {"model.npz", "preview.png"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert avatar.body.name == "smpl" and avatar.state.body_pose.shape == (6, 23, 3)
    assert (avatar.posed().joints - clip.joints).norm(dim=-1).mean() < 0.04


def test_single_image_agrees_with_the_photograph(clip, tmp_path):
    photo = tmp_path / "000000.png"
    found, frame = cv2.VideoCapture(str(clip.folder / "video.mp4")).read()
    assert found and cv2.imwrite(str(photo), frame)
    for name in ("keypoints", "masks"):
        (tmp_path / name).mkdir()
    for file in ("keypoints/000000_keypoints.json", "masks/000000.png"):
        (tmp_path / file).write_bytes((clip.folder / file).read_bytes())
    avatar = example("05").main(
        photo, clip.height_m, tmp_path / "out", texture_size=None, **given(tmp_path)
    )  # fmt: skip
    assert measure_agreement(avatar.body, avatar.state, avatar.capture).keypoint_error_px[0] < 4
    changed = (cv2.imread(str(tmp_path / "out" / "overlay.png")) != frame).any(-1)
    mask = avatar.capture.masks[0]
    assert (changed & mask).sum() > 0.7 * (changed | mask).sum()


def test_repose_raises_the_hand_and_draws_it(finished, tmp_path):
    avatar, out = finished
    module = example("06")
    vertices, strip = module.main(out, tmp_path)
    assert cv2.imread(str(tmp_path / "strip.png")).shape == strip.shape
    mesh = trimesh.load(tmp_path / "wave.glb", force="mesh")
    assert len(mesh.faces) == len(avatar.body.faces)
    np.testing.assert_allclose(np.ptp(mesh.vertices, 0), np.ptp(vertices[0].numpy(), 0), atol=1e-4)
    weights = avatar.body.lbs_weights
    height = [-(vertices[..., 1] * weights[:, j]).sum(1) / weights[:, j].sum() for j in (RIGHT_HAND, HEAD)]
    assert (height[0] > height[1]).all()
    drawn = (strip != 236).any(-1).mean()
    assert 0.03 < drawn < 0.4


def test_batch_gives_what_single_clips_give(clip, tmp_path):
    module = example("07")
    seen = observe(clip.folder / "video.mp4", **given(clip.folder))
    mirrored = replace(seen, keypoints=seen.keypoints[::-1].copy(), masks=seen.masks[::-1].copy())
    figure = tmp_path / "batch.png"
    together, alone = module.main(captures=[seen, mirrored], height_m=clip.height_m, out=figure)
    assert cv2.imread(str(figure)) is not None
    for c, one in enumerate(alone):
        torch.testing.assert_close(together.betas[c], one.betas[0], atol=0.02, rtol=0)
        torch.testing.assert_close(together.transl[c], one.transl[0], atol=0.002, rtol=0)
    assert np.allclose(together.transl[0], clip.state.transl, atol=0.1)


def farthest(avatar):
    """Return how far the surface stands off the body at most, along the body's normals, in metres."""
    normals = example("08").outward(Unknowns.of(avatar.body, avatar.state).posed_body())["normals"][0]
    return float((avatar.state.offsets * normals).sum(-1)[avatar.body.skin].amax())


def with_one_round(schedule, most_m):
    """Return a schedule with its last consensus shape alone."""
    names = ("consensus shape 1/1", "pose with the consensus shape 1/1")
    return reduce(lambda plan, name: plan.with_action(name), names, schedule(most_m))


def test_own_action_and_term_give_the_same_from_a_script_and_from_the_command_line(clip, tmp_path, capsys, monkeypatch):
    module = example("08")
    monkeypatch.setattr(module, "own_schedule", partial(with_one_round, module.own_schedule))  # each takes half of it
    height_m = round(clip.height_m, 4)  # as in the options of the command line
    usual, own = module.main(clip.folder / "video.mp4", height_m, 0.002, tmp_path, **given(clip.folder))
    assert farthest(own) < 0.008 < farthest(usual)
    jerk = [float(avatar.state.transl.diff(n=2, dim=0).norm(dim=-1).mean()) for avatar in (usual, own)]
    assert jerk[1] < 0.5 * jerk[0]
    assert len(np.unique(cv2.imread(str(tmp_path / "difference.png")))) > 50
    told = f"--preset {tmp_path / 'own.json'} --extension {module.__file__}"
    assert told in capsys.readouterr().out

    unseen = ["--shoes", "no"]  # the script has no pictures to see them in
    options = ["--out", str(tmp_path / "out"), "--texture-size", "64", *unseen, *told.split()]
    assert main([*clip.given, *options]) == 0
    same = Avatar.load(tmp_path / "out").state
    for name, value in vars(own.state).items():
        assert value is None or torch.equal(value, getattr(same, name)), name


def cells(kind):
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text())
    assert notebook["nbformat"] == 4 and {cell["cell_type"] for cell in notebook["cells"]} == {"code", "markdown"}
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def test_the_notebook_is_plain_python_without_outputs_whose_names_exist():
    for cell in cells("code"):
        assert cell["outputs"] == [] and cell["execution_count"] is None
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("fit_avatar"):
                module = importlib.import_module(node.module)
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_the_notebook_s_options_are_understood_and_it_shows_what_a_run_writes(tmp_path):
    names = {"video": tmp_path / "a.mp4", "height_m": 1.7, "frames": 60, "texture_size": 1024, "out": tmp_path / "out"}
    options = next("".join(cell["source"]) for cell in cells("code") if "options = [" in "".join(cell["source"]))
    exec(compile(ast.Module(ast.parse(options).body[:1], []), "options", "exec"), names)
    assert parse(names["options"]).frames == 60
    shown = set(re.findall(r'out / "([\w.]+)"', "".join("".join(cell["source"]) for cell in cells("code"))))
    assert shown == {OVERLAY, PREVIEW, REPORT}


def test_the_notebook_s_term_runs(clip):
    cell = next("".join(cell["source"]) for cell in cells("code") if "Term(" in "".join(cell["source"]))
    definition = cell[cell.index("def ankles_apart") : cell.index("info = probe")]
    names = {"Term": Term, "__name__": "notebook"}
    exec(definition, names)
    seen = observe(clip.folder / "video.mp4", frames=4, **given(clip.folder))
    one = [Initialise(), preset("video-avatar").action("pose from keypoints")]
    avatar = fit_capture(seen, height_m=clip.height_m, schedule=one, terms=[names["measured"]])
    assert "ankles_apart" in str(avatar.solves[-1][1])
