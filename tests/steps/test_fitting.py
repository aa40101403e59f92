"""The stages of a run give what a script gives, also those that look at the pictures; a second run redoes nothing."""

from dataclasses import replace

import pytest
import torch
from synthetic import CAMERA, write_clip

from fit_avatar import fit_video, load_body, steps
from fit_avatar.config import Config
from fit_avatar.fitting import GaussNewton, Preset, stages
from fit_avatar.io.store import Store
from fit_avatar.progress import Silent

BODY = load_body()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(BODY, tmp_path_factory.mktemp("clip"), frames=8)


def test_a_run_and_a_script_agree(clip):
    first, last = stages("balanced")[0], stages("balanced")[-2]
    assert last.pictures
    plan = Preset("short", "", (replace(first, optimiser=GaussNewton(6)), replace(last, optimiser=GaussNewton(2))))
    files = {name: clip.folder / name for name in ("keypoints", "masks")}
    scripted = fit_video(
        clip.folder / "video.mp4", camera=CAMERA, height_m=clip.height_m, schedule=plan, texture_size=None, **files
    )
    config = Config(
        video=clip.folder / "video.mp4", camera=clip.folder / "camera.json", height_m=clip.height_m, **files
    )
    source = steps.Source.of(config)

    def go():
        runner = steps.Runner(Store(clip.folder / "cache", fresh=False), Silent())
        observed = steps.observe(runner, config, source)
        return steps.fit(runner, config, plan, BODY, observed, source), runner

    fitted, _ = go()
    assert scripted.texture is None
    assert [name for name, _ in scripted.summaries] == [name for name, _ in fitted.summaries] == [first.name, last.name]
    assert "surface_reprojection" in str(fitted.summaries[-1][1])
    for name, value in vars(scripted.state).items():
        assert value is None or torch.equal(value, getattr(fitted.state, name)), name
    again, runner = go()
    assert all(stage["kept_from_earlier_run"] for stage in runner.done)
    assert again.key == fitted.key and torch.equal(again.state.body_pose, fitted.state.body_pose)
