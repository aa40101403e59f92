"""What ``--person all`` does: one run for each person of a video, and one scene with all of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fit_avatar import command
from fit_avatar.config import Config, validate
from fit_avatar.errors import NoPersonError
from fit_avatar.export import check_installed
from fit_avatar.export.scene import write_scene
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
AVATAR = "avatar.glb"


def run(config: Config, reporter: Reporter | None = None) -> RunSummary:
    """Turn a video into an avatar of each of its people, in ``person_1`` … below ``config.folder``, and ``people.glb``.

    Everybody is fitted for themselves; who cannot be fitted is named in a warning.

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
        "avatars": [file_identity(file) for file in avatars], "code": code_identity("fit_avatar.export.scene"),
    }  # fmt: skip
    runner.write("scene", depends_on, lambda advance: _write(scene, avatars), [scene])
    return _summary(config.folder, scene, done, failed, time.perf_counter() - began)


def person_config(config: Config, number: int) -> Config:
    """Return the options of one person's run."""
    return replace(config, person=str(number), out=config.folder / f"person_{number}")


def _write(scene: Path, avatars: Sequence[Path]) -> list[Path]:
    write_scene(scene, avatars)
    return [scene]


def _summary(
    folder: Path, scene: Path, done: dict[int, RunSummary], failed: Sequence[str], seconds: float
) -> RunSummary:
    """Return what the user is told of all runs together."""
    first = next(iter(done.values()))
    told = (f"Person {number}: {warning}" for number, one in done.items() for warning in one.warnings)
    return RunSummary(
        folder=folder,
        files=(scene, *(file for one in done.values() for file in one.files)),
        scale_source=f"{first.scale_source}; all stand on the floor of the first person in {SCENE}",
        agreement="; ".join(f"person {number}: {one.agreement}" for number, one in done.items()),
        warnings=(*failed, *told),
        seconds=seconds,
        peak_memory_gb=max(one.peak_memory_gb for one in done.values()),
        numbers=tuple(
            (f"person {number}, {name}", value) for number, one in done.items() for name, value in one.numbers
        ),
    )
