"""A run that is stopped at any stage goes on where it stopped, and ends with what an uninterrupted one gives."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from synthetic import write_clip
from toy_body import toy_body

from fit_avatar import command
from fit_avatar.arguments import parse
from fit_avatar.capture import read_frames
from fit_avatar.progress import Silent

RUN = (
    "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
    "from toy_body import toy_body\n"
    "from fit_avatar import cli, command\n"
    "command.load_body = lambda *options: toy_body()\n"
    "sys.exit(cli.main(sys.argv[1:]))"
)
"""The program, with a small body."""


class Recorder(Silent):
    """Notes what was computed and what was kept; stops the run in a stage of choice, as Ctrl-C does."""

    def __init__(self, stop_in: str | None = None, at: str = "start") -> None:
        self.stop_in, self.at, self.stage = stop_in, at, ""
        self.stages: list[str] = []
        self.cached: dict[str, bool] = {}
        self.advanced: set[str] = set()

    def start(self, stage: str) -> None:
        self.stage = stage
        self.stages.append(stage)
        if self.at == "start":
            self._perhaps_stop()

    def advance(self, label: str, done: int, total: int) -> None:
        self.advanced.add(self.stage)
        if done > 1:
            self._perhaps_stop()

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        self.cached[stage] = cached

    def _perhaps_stop(self) -> None:
        if self.stage == self.stop_in:
            raise KeyboardInterrupt


@pytest.fixture(scope="module", autouse=True)
def small_body():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "load_body", lambda *options: toy_body())
        yield


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> list[str]:
    """The options of a tiny clip; only the folder for the results is missing."""
    given = write_clip(toy_body(), tmp_path_factory.mktemp("clip"), frames=6).given
    return [*given, "--quality", "fast", "--texture-size", "128"]


@pytest.fixture(scope="module")
def uninterrupted(clip, tmp_path_factory) -> tuple[Path, Recorder]:
    out = tmp_path_factory.mktemp("whole")
    recorder = Recorder()
    command.run(parse([*clip, "--out", str(out)]), recorder)
    return out, recorder


def arrays(file: Path) -> dict[str, np.ndarray]:
    with np.load(file) as kept:
        return {name: kept[name] for name in kept.files if name not in ("manifest", "checksum")}  # of the seconds


def assert_same_results(one: Path, other: Path) -> None:
    for file in ("avatar.glb", "avatar.obj", "avatar.png", "preview.png"):
        assert (one / file).read_bytes() == (other / file).read_bytes(), file
    for here, there in zip(read_frames(one / "overlay.mp4"), read_frames(other / "overlay.mp4"), strict=True):
        off = here[1].astype(float) - there[1]  # a pixel of an edge may be rounded otherwise; the encoder spreads it
        assert np.abs(off).mean() < 0.5 and np.abs(off).max() < 30
    kept, of_other = (sorted(file.relative_to(each) for file in each.rglob("[!.]*.npz")) for each in (one, other))
    assert len(kept) > 6 and kept == of_other  # beside temporary files of a process that was killed while it wrote
    for file in kept:
        here, there = arrays(one / file), arrays(other / file)
        assert here.keys() == there.keys()
        for name, array in here.items():
            np.testing.assert_array_equal(array, there[name], err_msg=f"{file}: {name}")
    for folder in (one, other):
        assert "</html>" in (folder / "report.html").read_text()
    here, there = (json.loads((folder / "metrics.json").read_text()) for folder in (one, other))
    for part in ("frames", "silhouette_iou", "regions", "measurements", "warnings"):
        assert here[part] == there[part]


def test_stopped_in_every_stage(clip, uninterrupted, tmp_path) -> None:
    whole, recorder = uninterrupted
    options = parse([*clip, "--out", str(tmp_path)])
    stages = list(dict.fromkeys(recorder.stages))
    assert len(stages) > 10 and {"observe", "texture", "overlay", "quality", "report"} <= set(stages)
    for k, stage in enumerate(stages):
        stopped = Recorder(stage, "middle" if stage in recorder.advanced else "start")
        with pytest.raises(KeyboardInterrupt):
            command.run(options, stopped)
        assert stopped.cached == {name: name not in ("body", stages[k - 1]) for name in stages[:k]}
        assert not [file for file in tmp_path.rglob(".*") if file.is_file()], "half-written files are left"
    last = Recorder()
    command.run(options, last)
    assert last.cached == {name: name not in ("body", stages[-1]) for name in stages}
    assert_same_results(whole, tmp_path)


def start(argv: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, str(Path(__file__).parent), *argv, "--log", "json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_killed_without_warning(clip, uninterrupted, tmp_path) -> None:
    whole, _ = uninterrupted
    argv = [*clip, "--out", str(tmp_path)]
    finished: dict[str, bool] = {}
    for stage in ("pose and shape from outlines", "texture"):
        before = dict(finished)
        process = start(argv)
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "finish":
                finished[event["stage"]] = event["kept_from_earlier_run"]
            if event["event"] == "progress" and event["stage"] == stage:
                process.kill()
                break
        process.communicate()
        assert process.returncode == -signal.SIGKILL and stage not in finished
        assert all(finished[name] for name in before if name != "body")
    assert not (tmp_path / "metrics.json").exists()
    again = Recorder()
    command.run(parse(argv), again)
    assert [name for name, cached in again.cached.items() if cached] == [name for name in finished if name != "body"]
    assert_same_results(whole, tmp_path)


def test_asked_to_terminate(clip, tmp_path) -> None:
    process = start([*clip, "--out", str(tmp_path)])
    for line in process.stdout:
        if json.loads(line)["event"] == "progress":
            process.terminate()
            break
    rest, told = process.communicate()
    assert process.returncode == 130 and json.loads(rest.splitlines()[-1])["event"] == "interrupted"
    assert told == "fit-avatar: interrupted; run the same command again to continue\n"
    assert not [file for file in tmp_path.rglob(".*") if file.is_file()]
