"""The whole way on a tiny clip with known truth: files in, avatar out, and a second run that redoes nothing."""

import json
from functools import partial

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import cKDTree
from synthetic import write_clip

from fit_avatar.body import load_body
from fit_avatar.capture.video import read_frames
from fit_avatar.cli import main
from fit_avatar.report.diagnostics import DiagnosticsConfig, diagnose


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    body = load_body()
    clip = write_clip(body, folder)
    out = folder / "out"
    options = [*clip.given, "--out", str(out), "--quality", "fast", "--texture-size", "256"]
    options += ["--export", "frames", "bvh", "amass", "people-snapshot", "--skeleton", "mixamo", "--normal-map"]
    assert main(options) == 0
    return body, clip, out, options


def test_writes_everything(finished):
    *_, out, _ = finished
    names = {
        "avatar.obj",
        "avatar.mtl",
        "avatar.png",
        "avatar_normal.png",
        "avatar.glb",
        "avatar.npz",
        "avatar.bvh",
        "avatar_amass.npz",
        "joints.npz",
        "keypoints.npz",
        "metrics.json",
        "overlay.mp4",
        "preview.png",
        "report.html",
    }
    assert names <= {path.name for path in out.iterdir()}
    assert len(list((out / "frames").glob("*.obj"))) == 12
    assert "ROOT mixamorig:Hips" in (out / "avatar.bvh").read_text()


def test_the_frames_that_others_train_on_are_those_of_the_clip(finished):
    _, clip, out, _ = finished
    folder = out / "people_snapshot"
    indices = [int(line) for line in (folder / "frame_indices.txt").read_text().split()]
    assert indices == np.load(out / "avatar.npz")["frame_indices"].tolist()
    original = dict(read_frames(clip.folder / "video.mp4", indices))
    written = [frame for _, frame in read_frames(folder / "people_snapshot.mp4")]
    assert len(written) == len(indices)
    for frame, index in zip(written, indices, strict=True):
        assert np.abs(frame.astype(int) - original[index]).mean() < 4
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_an_export_for_another_body_is_refused_before_the_fit(finished, tmp_path, capsys):
    _, clip, *_ = finished
    assert main([*clip.given, "--out", str(tmp_path / "out"), "--export", "bvh", "exavatar"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "--export exavatar holds poses of SMPL-X, but this run fits anny: give your own SMPL-X file" in said
    assert not (tmp_path / "out").exists()


def test_surface_and_joints_are_near_the_truth(finished):
    body, clip, out, _ = finished
    skin = body.skin.numpy()
    errors = []
    for t in range(0, 12, 3):
        posed = trimesh.load(out / "frames" / f"{t:06d}.obj", process=False)
        truth = clip.vertices[t].numpy()[skin]
        errors.append(cKDTree(posed.vertices).query(truth)[0].mean())
    assert np.mean(errors) < 0.015  # distances between vertices, which are about a centimetre apart
    joints = np.load(out / "joints.npz")
    assert joints["smpl24"].shape == (12, 24, 3)
    assert np.linalg.norm(joints["smpl24"] - clip.joints.numpy(), axis=-1).mean() < 0.03


def test_metrics_tell_how_well_it_went(finished):
    *_, out, _ = finished
    metrics = json.loads((out / "metrics.json").read_text())
    text = json.dumps(metrics)
    assert "iou" in text.lower() and "seconds" in text


def test_no_path_of_this_machine_is_told_to_others(finished):
    _, clip, out, _ = finished
    for file in (*out.glob("*.json"), *out.glob("*.html"), *out.glob("*.obj"), *out.glob("*.glb"), *out.glob("*.bvh")):
        content = file.read_bytes()
        assert str(clip.folder).encode() not in content and str(clip.folder.parent).encode() not in content, file
    options = json.loads((out / "metrics.json").read_text())["options"]
    assert options["video"] == "video.mp4" and options["out"] == "out" and options["camera"] == "camera.json"
    assert "--video video.mp4" in (out / "report.html").read_text()


def test_archive_is_enough_to_pose_the_avatar_again(finished):
    *_, out, _ = finished
    with np.load(out / "avatar.npz") as z:
        assert set(z.files) >= {"betas", "offsets", "global_orient", "body_pose", "transl", "faces", "lbs_weights"}
        assert np.isfinite(z["offsets"]).all() and np.abs(z["offsets"]).max() < 0.1


def test_second_run_keeps_every_stage(finished, capsys):
    *_, out, options = finished
    before = {path: path.stat().st_mtime_ns for path in out.glob("avatar.*")}
    assert main(options) == 0
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("avatar.*")}


def test_what_is_in_doubt_is_told(finished, monkeypatch, capsys):
    *_, out, options = finished
    monkeypatch.setattr("fit_avatar.stages.diagnose", lambda *_, **__: ("The person hardly turns.",))
    assert main(options) == 0
    assert "The person hardly turns." in capsys.readouterr().err
    assert "The person hardly turns." in json.loads((out / "metrics.json").read_text())["warnings"]


def test_nonsense_is_refused(finished, monkeypatch, capsys):
    *_, options = finished
    monkeypatch.setattr("fit_avatar.stages.diagnose", partial(diagnose, config=DiagnosticsConfig(failed_iou=1.01)))
    assert main(options) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(
        "fit-avatar: the body agrees with the person's outline in too few frames (silhouette IoU 0.9"
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_same_avatar(finished):
    _, clip, out, _ = finished
    gpu = out.with_name("out-cuda")
    assert main([*clip.given, "--out", str(gpu), "--quality", "fast", "--texture-size", "256", "--device", "cuda"]) == 0
    cpu_state, gpu_state = (np.load(folder / "avatar.npz") for folder in (out, gpu))
    for name in ("betas", "offsets", "transl"):
        assert np.abs(cpu_state[name] - gpu_state[name]).max() < 1e-2


def test_files_of_another_avatar_that_stay_are_told(finished, capsys):
    *_, out, options = finished
    fewer = [word for word in options if word != "amass"] + ["--bind", "t"]
    told = "avatar_amass.npz came from an earlier run and would be different now"
    assert main(fewer) == 0
    assert told in " ".join(capsys.readouterr().err.split())
    assert told in " ".join(json.loads((out / "metrics.json").read_text())["warnings"])
    assert main([*options, "--bind", "t"]) == 0
    assert "would be different now" not in capsys.readouterr().err
