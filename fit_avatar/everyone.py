"""What ``--person all`` does: one run for each person of a video, and one scene with all of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar import command
from fit_avatar.avatar import Avatar
from fit_avatar.body import Body, BodyState, Motion, pose_body
from fit_avatar.body.garment import is_garment, own_vertices, undressed
from fit_avatar.capture import Capture
from fit_avatar.capture.cast import Cast
from fit_avatar.config import Config
from fit_avatar.config_check import validate
from fit_avatar.errors import NoPersonError
from fit_avatar.export import check_installed
from fit_avatar.export.scene import with_motion, world_from_camera, write_scene
from fit_avatar.fitting.occlusion import small_mask
from fit_avatar.fitting.reconcile import POSES, Single, reconcile
from fit_avatar.fitting.together import Meeting, Member, collide, floors, in_wrong_order, meetings_of, place_together
from fit_avatar.io.arrays import read_npz, write_npz
from fit_avatar.io.fingerprint import code_identity, file_identity
from fit_avatar.io.outputs import Outputs
from fit_avatar.io.runner import Runner, under
from fit_avatar.io.store import Store
from fit_avatar.pipeline import KEPT, seen_by
from fit_avatar.progress import Reporter, RunSummary, Silent, StepProgress
from fit_avatar.results import inputs, planned

ALL = "all"
"""What ``--person`` says."""
SCENE, MOTIONS = "people.glb", "people.npz"
AVATAR, FIT = "avatar.glb", "avatar.npz"
SAME_FLOOR_M = 0.1
"""Floors that differ by more are two. Chosen by hand."""


def run(config: Config, reporter: Reporter | None = None) -> RunSummary:
    """Turn a video into an avatar of each of its people, in ``person_1`` … below ``config.folder``, and ``people.glb``.

    Everybody is fitted for themselves; in the scene their sizes are made to agree, and their poses where they touch or
    hide each other. Who cannot be fitted is named in a warning.

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
    arrays = config.folder / MOTIONS
    outputs.refuse_foreign([scene, arrays], inputs(config))
    store = Store(config.folder / "cache", config.fresh, KEPT, outputs)
    store.check_folder(config.force)
    runner, source = Runner(store, told), command.source_of(config)
    people = runner.run("people", seen_by(source), source.tell_apart).value
    runs = [person_config(config, number) for number in range(1, len(people) + 1)]
    for one in runs:
        Outputs(one.folder, one.force).refuse_foreign(planned(one), inputs(one))
    done: dict[int, RunSummary] = {}
    fitted: dict[int, Fitted] = {}
    failed: list[str] = []
    for number, one in enumerate(runs, 1):
        try:
            done[number] = command.run(one, told, people, partial(_keep, fitted, number))
        except NoPersonError as error:
            failed.append(f"Person {number} could not be fitted: {error}.")
    if not done:
        raise NoPersonError(f"nobody in {config.video} could be fitted: {failed[0].rstrip('.')}")
    avatars = [summary.folder / AVATAR for summary in done.values()]
    depends_on: dict[str, Any] = {
        "avatars": [file_identity(file) for file in avatars], "code": code_identity("fit_avatar.everyone"),
    }  # fmt: skip
    scales = runner.run("places", depends_on, lambda advance: _places(people, done)).value
    motions: tuple[Motion, ...] = ()
    if len(fitted) == len(done) > 1:
        depends_on |= {"scales": list(scales), "reconcile": code_identity("fit_avatar.fitting.reconcile")}
        motions = runner.run(
            "people together", depends_on, lambda advance: _together(fitted, scales, under("people together", advance))
        ).value
    runner.write(
        "scene",
        {**depends_on, "scales": list(scales)},
        lambda advance: [write_scene(scene, _refined(avatars, fitted, motions, config.folder), scales)],
        [scene],
    )
    placed_motions = dict(zip(fitted, motions or [one.motion for one in fitted.values()], strict=True))
    runner.write(
        "motions",
        {**depends_on, "scales": list(scales)},
        lambda advance: [_write_motions(arrays, placed_motions, dict(zip(done, scales, strict=True)))],
        [arrays],
    )
    refined = {
        number: (motion.frame_indices, pose_body(one.body, motion.state).joints.double().numpy())
        for (number, one), motion in zip(fitted.items(), motions, strict=False)
    }
    placed = _doubts(people, done, scales, refined)
    return _summary(config.folder, scene, done, (*failed, *placed), time.perf_counter() - began)


def person_config(config: Config, number: int) -> Config:
    """Return the options of one person's run."""
    return replace(config, person=str(number), out=config.folder / f"person_{number}")


Moved = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Indices of frames [T] and the joints there [T, J, 3]."""
NOBODY: Mapping[int, Moved] = MappingProxyType({})


@dataclass(frozen=True)
class Fitted:
    """What is kept of one person's run."""

    body: Body
    motion: Motion
    capture: Capture
    """Without its masks."""
    masks: Mapping[int, NDArray[np.bool_]]
    """Small, by index in the clip."""

    @classmethod
    def of(cls, avatar: Avatar) -> Fitted:
        """Keep what is needed of an avatar."""
        capture = avatar.capture
        masks = zip(capture.frame_indices.tolist(), map(small_mask, capture.masks), strict=True)
        nothing = np.broadcast_to(np.zeros((), bool), capture.masks.shape)
        return cls(avatar.body.to("cpu"), avatar.motion.to("cpu"), replace(capture, masks=nothing), dict(masks))

    def single(self, scale: float) -> Single:
        """Return what is refined, without garment and hair that hangs. ``scale``: about the camera, in the scene"""
        frames, used = self.motion.frame_indices, self.capture.frame_indices
        nearest = np.abs(used[None] - frames[:, None]).argmin(1)
        sure = self.capture.keypoints[nearest, :, 2].clip(0, 1)
        state = self.motion.state
        bare = replace(state, offsets=state.offsets[: own_vertices(self.body)])
        return Single(bare, frames, scale, sure, self.masks)

    def moved(self, refined: BodyState) -> Motion:
        """Return the motion with the poses of what was refined."""
        poses = {name: getattr(refined, name) for name in POSES}
        return replace(self.motion, state=replace(self.motion.state, **poses))


def _members(
    people: Cast, done: Mapping[int, RunSummary], refined: Mapping[int, Moved] = NOBODY
) -> tuple[list[Member], list[Meeting]]:
    """Return the people who were fitted, as they were or as they were refined together, and where they meet."""
    members, boxes, near = [], [], []
    for number, summary in done.items():
        world = world_from_camera(summary.folder / AVATAR)
        if number in refined:
            frames, joints = refined[number]
        else:
            arrays = read_npz(summary.folder / FIT, ("joints", "frame_indices"))
            frames, joints = arrays["frame_indices"].astype(np.int64), arrays["joints"].astype(np.float64)
        members.append(Member(frames, joints, world[1, :3]))
        rows = np.searchsorted(people.frames, frames)
        boxes.append(people.boxes(number)[rows])
        near.append(people.nearness[number - 1, rows])
    return members, meetings_of([member.frames for member in members], boxes, near)


def _places(people: Cast, done: Mapping[int, RunSummary]) -> tuple[float, ...]:
    """Return by how much each person is scaled about the camera."""
    return place_together(*_members(people, done)) if len(done) > 1 else (1.0,)


def _keep(fitted: dict[int, Fitted], number: int, avatar: Avatar) -> None:
    fitted[number] = Fitted.of(avatar)


def _together(fitted: Mapping[int, Fitted], scales: Sequence[float], on_step: StepProgress) -> tuple[Motion, ...]:
    """Return everybody's motion, refined together: as that of one body without clothes.

    It is the body of who wears least, for cloth changes how the legs below it move.
    """
    singles = [one.single(scale) for one, scale in zip(fitted.values(), scales, strict=True)]
    bare = min((one.body for one in fitted.values()), key=lambda body: is_garment(body).sum())
    camera = next(iter(fitted.values())).capture.camera
    found = reconcile(undressed(bare), singles, camera, on_step=on_step)
    return tuple(one.moved(state) for one, state in zip(fitted.values(), found.states, strict=True))


def _refined(
    avatars: Sequence[Path], fitted: Mapping[int, Fitted], motions: Sequence[Motion], folder: Path
) -> list[Path]:
    """Return the avatars' files with the motions that were refined together, if they were."""
    if not motions:
        return list(avatars)
    files = []
    for avatar, one, motion in zip(avatars, fitted.values(), motions, strict=True):
        file = folder / "cache" / f"{avatar.parent.name}.glb"
        files.append(with_motion(file, avatar, one.body, motion, one.capture))
    return files


def _write_motions(path: Path, motions: Mapping[int, Motion], scales: Mapping[int, float]) -> Path:
    """Write everybody's motion in the scene, each array with the person's number behind its name."""
    arrays: dict[str, Any] = {"numbers": np.array(list(motions), np.int64)}
    for number, motion in motions.items():
        own = {name: getattr(motion.state, name).numpy() for name in ("global_orient", "body_pose", "transl")}
        own |= {"frame_indices": motion.frame_indices, "times_s": motion.times_s, "scale": np.array(scales[number])}
        arrays |= {f"{name}_{number}": values for name, values in own.items()}
    write_npz(path, arrays)
    return path


def _doubts(
    people: Cast, done: Mapping[int, RunSummary], scales: Sequence[float], refined: Mapping[int, Moved]
) -> list[str]:
    """Return what is still wrong in the scene, one sentence each."""
    fitted, meetings = _members(people, done, refined)
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
        files=(scene, scene.with_name(MOTIONS), *(file for one in done.values() for file in one.files)),
        scale_source=f"{first.scale_source}; in {SCENE} all are scaled to stand on one floor",
        agreement="; ".join(f"person {number}: {one.agreement}" for number, one in done.items()),
        warnings=(*failed, *told),
        seconds=seconds,
        peak_memory_gb=max(one.peak_memory_gb for one in done.values()),
        numbers=tuple(
            (f"person {number}, {name}", value) for number, one in done.items() for name, value in one.numbers
        ),
    )
