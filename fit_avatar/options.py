"""What is made of a source, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fit_avatar.avatar import Avatar
from fit_avatar.errors import BadInputError
from fit_avatar.fitting import SHAPE, Schedule

TAKEN = (
    "body", "first avatar", "observe", "shoes", "ears", "turning", "limb directions", "agreement", "texture", "quality",
    "every frame", "expressions", "motion", "displacement", "preview", "overlay", "report",
)  # fmt: skip
"""Names of stages that no action may have."""


@dataclass(frozen=True)
class Options:
    """What is made of a source."""

    schedule: Schedule
    """The method; of a clip only if the person turns around, where there is another one for other motions."""
    height_m: float | None = None
    """The person's height without shoes; it fixes the scale, which is otherwise an estimate."""
    texture_size: int = 2048
    """Side of the texture in pixels; 0 leaves it out."""
    delight: bool = False
    """Remove the lighting of the clip from the texture, as far as the turn separates it from the colours."""
    normal_map: bool = False
    """Also read folds from the shading, for a normal map."""
    check: bool = True
    """Compare the avatar with what was observed: an error if they clearly disagree, warnings of what is uncertain."""
    all_sides: bool = True
    """The pictures are meant to show the person from all sides, so that what they do not show is worth a warning."""
    every_frame: bool = True
    """Find a pose for every frame of a clip, also for those that are not fitted."""
    other_motion: Schedule | None = None
    """The method for a person who does not turn around in one pose; None: ``schedule`` in any case."""
    shoes: Literal["auto", "yes", "no"] = "auto"
    """Whether the person wears shoes; auto takes bare feet only where they have the face's colour."""
    uv_layout: Literal["head", "body"] = "head"
    """Layout of the default body's texture: with a quarter for the head, or the one that the body comes with."""
    known: Avatar | None = None
    """The person's avatar, if there is one already: its shape and texture are kept, and the motion alone is fitted."""

    def __post_init__(self) -> None:
        if self.known is not None:
            _refuse_shape(self.schedule)
        for schedule in filter(None, (self.schedule, self.other_motion)):
            for action in schedule.actions:
                if action.name in TAKEN:
                    raise BadInputError(
                        f"the schedule {schedule.name} calls an action {action.name!r}, which is taken: rename it"
                    )


def _refuse_shape(schedule: Schedule) -> None:
    """Refuse a schedule that would change what a known avatar gives."""
    for solve in schedule.solves:
        if set(SHAPE) & set(solve.free):
            raise BadInputError(
                f"the preset {schedule.name} also fits a shape (in {solve.name!r}), which the avatar gives: take the "
                "preset track, or one that is made from it"
            )
