"""The optimisation: stages as data, tracking over all frames, and the consensus shape."""

from fit_avatar.fitting.consensus import fit_consensus
from fit_avatar.fitting.evidence import CONTOUR_POINTS, Evidence, gather_evidence
from fit_avatar.fitting.initialise import initialise
from fit_avatar.fitting.run import fit, run_stage
from fit_avatar.fitting.stages import ConsensusStage, Schedule, Stage, TrackStage, stages
from fit_avatar.fitting.state import ClipState
from fit_avatar.fitting.track import track

__all__ = [
    "CONTOUR_POINTS",
    "ClipState",
    "ConsensusStage",
    "Evidence",
    "Schedule",
    "Stage",
    "TrackStage",
    "fit",
    "fit_consensus",
    "gather_evidence",
    "initialise",
    "run_stage",
    "stages",
    "track",
]
