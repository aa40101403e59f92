"""The optimisation: problems and optimisers, stages as data, and the consensus shape."""

from fit_avatar.fitting.batch import some_frames, stack_captures
from fit_avatar.fitting.consensus import fit_consensus
from fit_avatar.fitting.evidence import CONTOUR_POINTS, Evidence, gather_evidence
from fit_avatar.fitting.focal import calibrated
from fit_avatar.fitting.initialise import initialise
from fit_avatar.fitting.presets import PRESETS, Preset, preset
from fit_avatar.fitting.run import Fit, begin, fit, run_stage
from fit_avatar.fitting.stage import AnyStage, ConsensusStage, Stage, stages
from fit_avatar.solvers.optimisers import LBFGS, Adam, GaussNewton, Solution, solve
from fit_avatar.solvers.problem import Problem
from fit_avatar.solvers.state import ClipState
from fit_avatar.solvers.summary import Summary
from fit_avatar.solvers.unknowns import Unknown, Unknowns

__all__ = [
    "CONTOUR_POINTS",
    "LBFGS",
    "PRESETS",
    "Adam",
    "AnyStage",
    "ClipState",
    "ConsensusStage",
    "Evidence",
    "Fit",
    "GaussNewton",
    "Preset",
    "Problem",
    "Solution",
    "Stage",
    "Summary",
    "Unknown",
    "Unknowns",
    "begin",
    "calibrated",
    "fit",
    "fit_consensus",
    "gather_evidence",
    "initialise",
    "preset",
    "run_stage",
    "solve",
    "some_frames",
    "stack_captures",
    "stages",
]
