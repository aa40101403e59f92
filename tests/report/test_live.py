"""--view: a clear error without viser; with it, a local server that shows the result of each stage."""

import sys
import urllib.request
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from synthetic import write_clip

from fit_avatar import command
from fit_avatar.arguments import parse
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.errors import MissingDependencyError
from fit_avatar.progress import Left, Reporter, Silent
from fit_avatar.report.live import LiveViewer


class Listener(Silent):
    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def start(self, stage: str) -> None:
        self.heard.append((stage,))

    def advance(self, label: str, done: int, total: int) -> None:
        self.heard.append((label, done, total))

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        self.heard.append((stage, seconds, cached))


def test_without_viser_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(MissingDependencyError, match=r"^--view needs viser \(.*\): pip install viser$"):
        LiveViewer(Silent())


def test_it_serves_the_body_and_passes_on_what_it_hears(body, state, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("viser")
    listener = Listener()
    with LiveViewer(listener) as viewer:
        assert viewer.address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(viewer.address, timeout=20) as page:
            assert page.status == 200 and b"<html" in page.read()
        viewer.start("pose")
        viewer.advance("pose", 3, 10)
        viewer.finish("pose", 1.5, cached=False)
        assert listener.heard == [("pose",), ("pose", 3, 10), ("pose", 1.5, False)]
        assert "3 of 10" in viewer._status.content
        viewer.expect(Left(7, 15, 41.0))
        viewer.advance("pose", 4, 10)
        assert viewer._status.content.endswith("4 of 10 · stage 7 of 15, about 40 s left")

        viewer.show(body, state)
        upright = viewer._vertices[0][body.skin.numpy()]
        assert upright.shape[1] == 3 and np.abs(viewer._vertices[:, body.skin.numpy()].mean((0, 1))).max() < 1e-4
        assert viewer._faces.max() < len(body.template) and len(viewer._faces) < len(body.faces)
        viewer._slider.value = 4
        viewer.show(body, state)
        assert viewer._slider.value == 4  # a new stage does not take the user's frame away
        address = viewer.address
    with pytest.raises(URLError):
        urllib.request.urlopen(address, timeout=20)
    assert capsys.readouterr().out == ""


def test_the_slider_follows_the_number_of_frames(body, state) -> None:
    pytest.importorskip("viser")
    with LiveViewer(Silent()) as viewer:
        viewer.show(body, at_frames(state, [0, 3]))  # key frames come first
        assert viewer._slider.max == 1
        viewer.show(body, state)
        assert viewer._slider.max == len(state.transl) - 1
        viewer._slider.value = len(state.transl) - 1
        viewer.show(body, at_frames(state, [0, 3]))
        assert viewer._slider.max == viewer._slider.value == 1


def test_a_run_closes_the_viewer_also_when_it_is_interrupted(
    body: Body, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    class Viewer(Listener):
        address = "http://127.0.0.1:1"

        def __init__(self, reporter: Reporter) -> None:
            super().__init__()
            events.append("open")

        def __exit__(self, *_: object) -> None:
            events.append("close")

    def interrupt(*_: object) -> Body:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "LiveViewer", Viewer)
    monkeypatch.setattr(command, "load_body", interrupt)
    clip = write_clip(body, tmp_path, 4)
    with pytest.raises(KeyboardInterrupt):
        command.run(parse([*clip.given, "--out", str(tmp_path / "out"), "--view"]))
    assert events == ["open", "close"]


def at_frames(state: BodyState, frames: list[int]) -> BodyState:
    motion = {name: getattr(state, name)[frames] for name in ("global_orient", "body_pose", "transl")}
    return replace(state, **motion)
