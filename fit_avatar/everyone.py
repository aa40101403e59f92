"""What ``--person all`` does: one run for each person of a video, and one scene with all of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fit_avatar import command
from fit_avatar.capture.cast import Cast
from fit_avatar.config import Config, validate
from fit_avatar.errors import NoPersonError
from fit_avatar.export import check_installed
from fit_avatar.export.scene import world_from_camera, write_scene
from fit_avatar.fitting.together import Meeting, Member, collide, floors, in_wrong_order, meetings_of, place_together
from fit_avatar.io.arrays import read_npz
from fit_avatar.io.fingerprint import code_identity, file_identity
from fit_avatar.io.outputs import Outputs
from fit_avatar.io.runner import Runner
from fit_avatar.io.store import Store
from fit_avatar.pipeline import KEPT, seen_by
from fit_avatar.progress import Reporter, RunSummary, Silent
from fit_avatar.results import inputs, planned

ALL = "all"
"""What ``--person`` says."""
SCENE = "people.glb"
AVATAR, FIT = "avatar.glb", "avatar.npz"
SAME_FLOOR_M = 0.1
"""Floors that differ by more are two. Chosen by hand."""


def run(config: Config, reporter: Reporter | None = None) -> RunSummary:
    """Turn a video into an avatar of each of its people, in ``person_1`` … below ``config.folder``, and ``people.glb``.

    Everybody is fitted for themselves; in the scene their sizes are made to agree. Who cannot be fitted is named in a
    warning.

    Raises:
        BadInputError: an option or a file cannot be used.
        NoPersonError: nobody can be fitted.
        MissingDependencyError: a package or system library is not there.
    """
    began = time.perf_counter()
    validate(config)
    check_installed(config.export)
    scene, told = config.folder / SCENE, reporter or Silent()
    outputs = Outputs(config.folder, config.force)
    outputs.refuse_foreign([scene], inputs(config))
    store = Store(config.folder / "cache", config.fresh, KEPT, outputs)
    store.check_folder(config.force)
    runner, source = Runner(store, told), command.source_of(config)
    people = runner.run("people", seen_by(source), source.tell_apart).value
    runs = [person_config(config, number) for number in range(1, len(people) + 1)]
    for one in runs:
        Outputs(one.folder, one.force).refuse_foreign(planned(one), inputs(one))
    done: dict[int, RunSummary] = {}
    failed: list[str] = []
    for number, one in enumerate(runs, 1):
        try:
            done[number] = command.run(one, told, people)
        except NoPersonError as error:
            failed.append(f"Person {number} could not be fitted: {error}.")
    if not done:
        raise NoPersonError(f"nobody in {config.video} could be fitted: {failed[0].rstrip('.')}")
    avatars = [summary.folder / AVATAR for summary in done.values()]
    depends_on = {
        "avatars": [file_identity(file) for file in avatars], "code": code_identity("fit_avatar.everyone"),
    }  # fmt: skip
    scales = runner.run("places", depends_on, lambda advance: _places(people, done)).value
    runner.write(
        "scene",
        {**depends_on, "scales": list(scales)},
        lambda advance: [write_scene(scene, avatars, scales)],
        [scene],
    )
    placed = _doubts(people, done, scales)
    return _summary(config.folder, scene, done, (*failed, *placed), time.perf_counter() - began)


def person_config(config: Config, number: int) -> Config:
    """Return the options of one person's run."""
    return replace(config, person=str(number), out=config.folder / f"person_{number}")


def _members(people: Cast, done: Mapping[int, RunSummary]) -> tuple[list[Member], list[Meeting]]:
    """Return the people who were fitted, and where they meet."""
    members, boxes, near = [], [], []
    for number, summary in done.items():
        arrays = read_npz(summary.folder / FIT, ("joints", "frame_indices"))
        world, frames = world_from_camera(summary.folder / AVATAR), arrays["frame_indices"].astype(np.int64)
        members.append(Member(frames, arrays["joints"].astype(np.float64), world[1, :3]))
        rows = np.searchsorted(people.frames, frames)
        boxes.append(people.boxes(number)[rows])
        near.append(people.nearness[number - 1, rows])
    return members, meetings_of([member.frames for member in members], boxes, near)


def _places(people: Cast, done: Mapping[int, RunSummary]) -> tuple[float, ...]:
    """Return by how much each person is scaled about the camera."""
    return place_together(*_members(people, done)) if len(done) > 1 else (1.0,)


def _doubts(people: Cast, done: Mapping[int, RunSummary], scales: Sequence[float]) -> list[str]:
    """Return what is still wrong in the scene, one sentence each."""
    fitted, meetings = _members(people, done)
    members = [member.scaled(scale) for member, scale in zip(fitted, scales, strict=True)]
    numbers, told = list(done), []
    for meeting in meetings:
        pair = f"Persons {numbers[meeting.first]} and {numbers[meeting.second]}"
        wrong, touching = (int(f(members, meeting).sum()) for f in (in_wrong_order, collide))
        count = len(meeting.first_rows)
        if wrong > count / 2:
            told.append(f"{pair} overlap in {count} of the frames used, and in {wrong} the wrong one is in front.")
        if touching:
            told.append(f"{pair} may run into each other in {touching} of the frames used.")
    heights = floors(members).tolist()
    for number, height in zip(numbers[1:], heights[1:], strict=True):
        if abs(height - heights[0]) > SAME_FLOOR_M:
            told.append(
                f"Person {number} does not stand on the floor of person {numbers[0]} in {SCENE}: one of the two sizes "
                "is far off, or one of them stands on something."
            )
    return told


def _summary(
    folder: Path, scene: Path, done: dict[int, RunSummary], failed: Sequence[str], seconds: float
) -> RunSummary:
    """Return what the user is told of all runs together."""
    first = next(iter(done.values()))
    told = (f"Person {number}: {warning}" for number, one in done.items() for warning in one.warnings)
    return RunSummary(
        folder=folder,
        files=(scene, *(file for one in done.values() for file in one.files)),
        scale_source=f"{first.scale_source}; in {SCENE} all are scaled to stand on one floor",
        agreement="; ".join(f"person {number}: {one.agreement}" for number, one in done.items()),
        warnings=(*failed, *told),
        seconds=seconds,
        peak_memory_gb=max(one.peak_memory_gb for one in done.values()),
        numbers=tuple(
            (f"person {number}, {name}", value) for number, one in done.items() for name, value in one.numbers
        ),
    )
