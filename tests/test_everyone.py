"""One run for each person of a video, from the command line to the scene of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from toy_body import tuft

from fit_avatar import command
from fit_avatar.avatar import Avatar
from fit_avatar.body import Body, BodyState, pose_body
from fit_avatar.body.hanging_hair import with_hair
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.cli import main
from fit_avatar.config import Config
from fit_avatar.errors import NoPersonError
from fit_avatar.export import write_glb
from fit_avatar.progress import Reporter, RunSummary
from tests.capture.cardboard import frame, person, write_openpose, write_video

PLACES = [(t - 22.0, t + 24.0) for t in np.linspace(-4, 4, 12)]


def nothing_seen(frames: int) -> Capture:
    """Return a capture whose masks are empty."""
    return Capture(
        np.arange(frames),
        np.zeros((frames, 25, 3), np.float32),
        np.zeros((frames, 120, 160), bool),
        Camera(150.0, 150.0, 80.0, 60.0, 160, 120),
        np.ones(frames, np.float32),
        fps=25.0,
    )


class Runs(list[tuple[Config, Cast | None]]):
    """What is asked of ``command.run``, which writes a small avatar instead of fitting one."""

    def __init__(self, body: Body, state: BodyState) -> None:
        self.body, self.state, self.fails, self.apart = body, state, "", 1.0
        self.haired = ""

    def avatar(self, number: str) -> tuple[Body, BodyState]:
        """Return the body of a person, where they are."""
        state = self.placed(int(number))
        if number not in self.haired:
            return self.body, state
        body = with_hair(self.body, tuft(self.body))
        offsets = torch.cat([state.offsets, state.offsets.new_zeros(len(body.template) - len(state.offsets), 3)])
        return body, replace(state, offsets=offsets)

    def placed(self, number: int) -> BodyState:
        """Return where a person is."""
        away = torch.tensor([self.apart * (number - 1.5), 0.0, 3.0])
        return replace(self.state, transl=self.state.transl + away)

    def __call__(
        self,
        config: Config,
        reporter: Reporter | None = None,
        people: Cast | None = None,
        seen: Callable[[Avatar], None] | None = None,
    ) -> RunSummary:
        self.append((config, people))
        if config.person in self.fails:
            raise NoPersonError("the body covers only half of the masks")
        config.folder.mkdir(parents=True, exist_ok=True)
        texture = np.zeros((8, 8, 3), np.uint8)
        body, state = self.avatar(config.person)
        file = write_glb(config.folder / "avatar.glb", body, state, 25.0, texture)
        joints = pose_body(body, state).joints.numpy()
        np.savez(config.folder / "avatar.npz", joints=joints, frame_indices=np.arange(len(joints)))
        if seen is not None:
            seen(Avatar(body, state, nothing_seen(len(joints))))
        return RunSummary(config.folder, (file,), "a guess", "good", ("is small.",), 1.0, 0.1, (("height", "1.7 m"),))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, body: Body, state: BodyState) -> Runs:
    fake = Runs(body, state)
    monkeypatch.setattr(command, "run", fake)
    return fake


@pytest.fixture
def two(tmp_path: Path) -> list[str]:
    """Return the options for a clip of two people."""
    video = write_video(tmp_path / "two.mp4", [np.maximum(frame(a), frame(b)) for a, b in PLACES])
    people = [[person(a)[1], person(b)[1]][:: 1 if i % 2 else -1] for i, (a, b) in enumerate(PLACES)]
    keypoints = write_openpose(tmp_path / "keypoints", people)
    return ["--video", str(video), "--keypoints", str(keypoints), "--out", str(tmp_path / "out"), "--device", "cpu"]


def test_each_person_gets_a_folder_and_all_one_scene(two: list[str], runs: Runs, tmp_path: Path) -> None:
    assert main([*two, "--person", "all", "--log", "quiet"]) == 0
    assert [(config.person, config.folder.name) for config, _ in runs] == [("1", "person_1"), ("2", "person_2")]
    people = [people for _, people in runs]
    assert people[0] is people[1] and people[0] is not None and len(people[0]) == 2
    left, right = sorted(people[0].points[:, :, 8, 0], key=lambda x: float(x[0]))
    assert np.allclose(left - 48, [a for a, _ in PLACES]) and np.allclose(right - 48, [b for _, b in PLACES])
    scene = trimesh.load(tmp_path / "out" / "people.glb")
    assert len(scene.geometry) == 2
    with np.load(tmp_path / "out" / "people.npz") as motions:
        assert motions["numbers"].tolist() == [1, 2]
        assert len(motions["transl_2"]) == len(motions["frame_indices_2"]) == len(runs.state.transl)


def test_people_inside_each_other_are_parted_in_the_scene(two: list[str], runs: Runs, tmp_path: Path) -> None:
    runs.apart = 0.05
    assert main([*two, "--person", "all", "--log", "quiet"]) == 0
    with np.load(tmp_path / "out" / "people.npz") as motions:
        moved = [motions[f"transl_{k}"] - runs.placed(k).transl.numpy() for k in (1, 2)]
    assert all(np.linalg.norm(each, axis=1).max() > 0.02 for each in moved)
    alone = [(tmp_path / "out" / f"person_{k}" / "avatar.glb").read_bytes() for k in (1, 2)]
    together = [(tmp_path / "out" / "cache" / f"person_{k}.glb").read_bytes() for k in (1, 2)]
    assert all(a != b for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("haired", ["1", "2", "12"])
def test_bodies_with_hair_of_their_own_are_parted_as_without(
    haired: str, two: list[str], runs: Runs, tmp_path: Path
) -> None:
    runs.apart = 0.05
    motions = []
    for runs.haired in ("", haired):
        assert main([*two, "--person", "all", "--log", "quiet", "--force"]) == 0
        with np.load(tmp_path / "out" / "people.npz") as arrays:
            motions.append([arrays[f"transl_{k}"] for k in (1, 2)])
    assert np.array_equal(*motions)
    assert [len(runs.avatar(k)[0].template) - len(runs.body.template) for k in haired] == [4] * len(haired)


def test_who_cannot_be_fitted_is_named(
    two: list[str], runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.fails = "1"
    assert main([*two, "--person", "all"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "Person 1 could not be fitted: the body covers only half of the masks." in told
    assert "Person 2: is small." in told
    assert len(trimesh.load(tmp_path / "out" / "people.glb").geometry) == 1


def test_if_nobody_can_be_fitted_there_is_one_sentence(
    two: list[str], runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.fails = "12"
    assert main([*two, "--person", "all", "--log", "quiet"]) == 2
    told = capsys.readouterr().err
    assert "two.mp4 could be fitted: Person 1 could not be fitted: the body covers only half of the masks" in told
    assert not (tmp_path / "out" / "people.glb").exists()


def test_a_file_of_the_user_is_not_written_over(
    two: list[str], runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "out" / "person_2" / "avatar.glb"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    assert main([*two, "--person", "all", "--log", "quiet"]) == 2
    assert "was not written by fit-avatar" in capsys.readouterr().err
    assert runs == [] and theirs.read_text() == "mine"


def test_the_number_on_the_command_line_is_the_person_who_is_observed(
    two: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []

    def observe(*_: object, person: int | None, **__: object) -> Capture:
        asked.append(person)
        raise NoPersonError("enough")

    monkeypatch.setattr("fit_avatar.capture.source.observe", observe)
    for words in ([], ["--person", "2"], ["--person", "largest"]):
        assert main([*two, *words, "--log", "quiet"]) == 2
    assert asked == [None, 2, None]
