"""--preview: a rough avatar before the whole one, which replaces it and is what it would have been without."""

import json
import shutil
import struct
from base64 import b64encode
from itertools import pairwise
from pathlib import Path

import pytest
from synthetic import write_clip
from toy_body import toy_body

from fit_avatar import command
from fit_avatar.arguments import parse
from fit_avatar.capture.source import Source
from fit_avatar.errors import NoPersonError
from fit_avatar.fitting import preset
from fit_avatar.preview import PREVIEW, Preview, quicker
from fit_avatar.progress import Left, Silent


class Recorder(Silent):
    """Notes the stages and what is expected; stops the run in a stage of choice, as Ctrl-C does."""

    def __init__(self, stop_in: str | None = None) -> None:
        self.stop_in = stop_in
        self.cached: dict[str, bool] = {}
        self.left: list[Left] = []

    def start(self, stage: str) -> None:
        if stage == self.stop_in:
            raise KeyboardInterrupt

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        self.cached[stage] = cached

    def expect(self, left: Left) -> None:
        self.left.append(left)


@pytest.fixture(scope="module", autouse=True)
def small_body():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "load_body", lambda *options: toy_body())
        yield


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> list[str]:
    given = write_clip(toy_body(), tmp_path_factory.mktemp("clip"), frames=6).given
    return [*given, "--quality", "fast", "--texture-size", "128"]


@pytest.fixture(scope="module")
def plain(clip, tmp_path_factory) -> tuple[Path, Recorder]:
    out, recorder = tmp_path_factory.mktemp("plain"), Recorder()
    command.run(parse([*clip, "--out", str(out)]), recorder)
    return out, recorder


def animations(glb: Path) -> list[str]:
    data = glb.read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    return [animation["name"] for animation in json.loads(data[20 : 20 + length])["animations"]]


def test_the_whole_run_replaces_it_and_is_what_it_would_be_without(clip, plain, tmp_path) -> None:
    """What the run without has kept holds for one with a preview, so that both compute the same."""
    shutil.copytree(plain[0] / "cache", tmp_path / "cache")
    first = command.run(parse([*clip, "--out", str(tmp_path), "--preview-only"]), alone := Recorder())
    assert first.files == (tmp_path / "preview.glb", tmp_path / "preview.html")
    assert animations(first.files[0]) == ["preview"]
    assert b64encode(first.files[0].read_bytes()).decode() in first.files[1].read_text(encoding="utf-8")
    assert "preview from" in first.agreement and list(alone.cached) == ["body", "first avatar"]
    assert not (tmp_path / "avatar.glb").exists()

    options = parse([*clip, "--out", str(tmp_path), "--preview"])
    with pytest.raises(KeyboardInterrupt):
        command.run(options, stopped := Recorder("texture"))
    assert stopped.cached["first avatar"] and all(file.exists() for file in first.files)  # made once
    command.run(options, whole := Recorder())
    assert not any(file.exists() for file in first.files)
    written = {"body", "avatar files", "preview", "overlay"}
    assert {name for name, cached in whole.cached.items() if not cached} - {"report"} == written
    for file in ("avatar.glb", "avatar.obj", "avatar.png", "preview.png"):
        assert (tmp_path / file).read_bytes() == (plain[0] / file).read_bytes(), file
    assert animations(tmp_path / "avatar.glb") == ["captured"]

    command.run(options, again := Recorder())
    assert all(cached for name, cached in again.cached.items() if name != "body")
    assert not (tmp_path / "preview.glb").exists()


def test_a_run_without_it_removes_an_earlier_one_but_no_file_of_the_user(clip, plain) -> None:
    out, _ = plain
    own = out / "preview.glb"
    own.write_bytes(b"mine")
    command.run(parse([*clip, "--out", str(out)]), Recorder())
    assert own.read_bytes() == b"mine"
    own.unlink()


def test_stages_come_as_expected(plain) -> None:
    _, recorder = plain
    assert recorder.left[0].stage == 1 and recorder.left[-1].stage == recorder.left[-1].stages
    stages = [left.stage for left in recorder.left]
    assert stages == sorted(stages) and {b - a for a, b in pairwise(stages)} <= {0, 1}
    assert 0 <= len(recorder.cached) - recorder.left[-1].stages <= 2  # short ones may go unmentioned


def test_few_frames_without_a_person_do_not_end_a_whole_run(clip, plain, monkeypatch, caplog) -> None:
    def nobody(*_: object) -> None:
        raise NoPersonError("nobody is seen")

    monkeypatch.setattr(Source, "observe", nobody)
    out, _ = plain
    with pytest.raises(NoPersonError, match="nobody is seen"):
        command.run(parse([*clip, "--out", str(out), "--preview-only"]))
    command.run(parse([*clip, "--out", str(out), "--preview"]))  # all the rest is kept from before
    assert "there is no preview" in caplog.text and (out / "avatar.glb").exists()


def test_it_is_small_and_quick(clip) -> None:
    config = parse([*clip, "--preview"])
    planned = Preview.of(config, command.source_of(config))
    assert planned.source.max_frames == PREVIEW.frames and planned.source.most_px == PREVIEW.side_px
    assert planned.options.texture_size == 128  # not more than was asked for
    usual, few = preset("video-avatar", "fast"), quicker(preset("video-avatar", "fast"))
    for before, after in zip(usual.solves, few.solves, strict=True):
        assert before.name == after.name and 3 <= after.optimiser.iterations <= before.optimiser.iterations
    assert sum(s.optimiser.iterations for s in few.solves) < 0.65 * sum(s.optimiser.iterations for s in usual.solves)
