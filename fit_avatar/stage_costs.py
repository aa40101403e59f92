"""How long each stage of a run takes, measured: what the time that is left is reckoned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Size:
    """How much there is to do."""

    frames: int
    """That are used."""
    clip_frames: int
    """That the clip has."""
    megapixels: float
    """Of a picture."""
    megatexels: float = 4.2
    """Of the texture."""


@dataclass(frozen=True)
class Cost:
    """Seconds that a stage, or one step of it, takes."""

    fixed: float = 0.0
    """In any case."""
    frame: float = 0.0
    """For every frame that is used."""
    megapixel: float = 0.0
    """For every megapixel of these."""
    clip_frame: float = 0.0
    """For every megapixel of all frames of the clip."""

    megatexel: float = 0.0
    """For every megatexel."""

    def seconds(self, size: Size) -> float:
        """Return the seconds for a clip."""
        pixels = self.clip_frame * size.clip_frames * size.megapixels
        frames = (self.frame + self.megapixel * size.megapixels) * size.frames
        return self.fixed + frames + pixels + self.megatexel * size.megatexels


USUAL = Cost(fixed=1.0)
"""Of a stage that is not in the table, such as an action of a user's own."""
COSTS: Mapping[str, Cost | Mapping[str, Cost]] = MappingProxyType(
    {
        "body": Cost(fixed=0.02),
        "first avatar": Cost(fixed=10.0),
        "observe": {
            "Reading the video": Cost(clip_frame=0.008),
            "Finding the person": Cost(frame=0.013),
            "Finding face and hands": Cost(frame=0.021),
            "Refining the masks": Cost(fixed=0.3, frame=0.045, megapixel=0.002),
            "Checking the masks": Cost(megapixel=0.02),
        },
        "shoes": Cost(fixed=0.08),
        "ears": Cost(fixed=0.2),
        "turning": Cost(fixed=0.75),
        "initialise": Cost(fixed=0.02),
        "estimate the focal length": Cost(fixed=1.3),
        "pose from keypoints": Cost(fixed=0.4),
        "measure the keypoints' noise": Cost(fixed=0.01),
        "pose and shape from outlines": Cost(fixed=1.3),
        "look for a skirt": Cost(fixed=0.7),
        "consensus shape": Cost(fixed=0.9),
        "pose with the consensus shape": Cost(fixed=0.62),
        "final consensus shape": Cost(fixed=0.75),
        "use all frames": Cost(),
        "pose of every frame": Cost(frame=0.0155),
        "match the surface in the pictures": Cost(fixed=0.8, frame=0.019),
        "pose from the pictures": Cost(frame=0.011),
        "shape from every frame": Cost(fixed=0.3, frame=0.0033),
        "features of the face": Cost(fixed=0.15),
        "head that looks around": Cost(frame=0.005),
        "head below a hat": Cost(),  # runs instead of the one above
        "fingers": Cost(),
        "even triangles at the toes": Cost(fixed=0.1),
        "hair over the ears": Cost(),
        "look for the brim of a hat": Cost(),
        "look for hair that hangs": Cost(fixed=0.5),
        "pose from keypoints and directions": Cost(frame=0.018),
        "pose and shape from keypoints": Cost(frame=0.027),
        "agreement": Cost(frame=0.0047),
        "texture": Cost(fixed=0.2, frame=0.028, megatexel=1.25),
        "quality": Cost(frame=0.0065),
        "expressions": Cost(fixed=0.1, frame=0.0018),
        "every frame": Cost(fixed=0.3),
        "motion": Cost(fixed=0.02),
        "avatar files": Cost(fixed=0.5, megatexel=0.11),
        "preview": Cost(fixed=0.47),
        "overlay": Cost(fixed=0.6, frame=0.02),
        "report": Cost(fixed=0.55),
    }
)
"""By the stage's name without the number of its round. Read off whole runs of a turn with 30 to 240 frames of
1080 × 1080 and 240 of 1920 × 1080, on two idle cores, in November 2026; those of the preset motion are from an older
run with 60 frames, brought to the speed of these. Looking for a skirt is in between finding one and finding none. Only
proportions count: how quick a machine is shows while a run goes on."""
MOTION_COSTS: Mapping[str, Cost] = MappingProxyType(
    {
        "pose and shape from outlines": Cost(frame=0.07),
        "pose with the consensus shape": Cost(frame=0.026),
        "consensus shape": Cost(frame=0.02),
        "final consensus shape": Cost(frame=0.02),
    }
)
"""The same where an action of this name is part of the preset motion, which fits every frame."""


def cost_of(stage: str, motion: bool = False) -> Mapping[str, Cost]:
    """Return the cost of each step of a stage; one without a name stands for a stage whose steps are not told apart.

    ``motion``: it belongs to a run of the preset motion.
    """
    name = stage.rstrip("0123456789/ ")
    found = (MOTION_COSTS.get(name) if motion else None) or COSTS.get(name, USUAL)
    return {"": found} if isinstance(found, Cost) else found
