"""Fits as schedules of actions, as data: the default method, published ones, and those that scripts compose."""

from fit_avatar.fitting.actions import (
    Action,
    ChooseHypothesis,
    ConsensusShape,
    Context,
    CoverEars,
    EstimateFocalLength,
    FitFace,
    GrowBrim,
    Initialise,
    LayGarment,
    LayHair,
    MatchSurface,
    MeasureKeypointNoise,
    ResolveLimbs,
    Solve,
    SpreadToes,
    StartFrom,
    UseAllFrames,
)
from fit_avatar.fitting.batch import some_frames, stack_captures
from fit_avatar.fitting.default_schedule import video_avatar
from fit_avatar.fitting.fit import AnySchedule, as_schedule, fit
from fit_avatar.fitting.fit_batch import fit_batch
from fit_avatar.fitting.motion import MotionConfig, SolvedMotion, solve_motion
from fit_avatar.fitting.motion_schedule import motion
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.partial import only_whole
from fit_avatar.fitting.presets import PRESETS, preset
from fit_avatar.fitting.schedule import Schedule
from fit_avatar.fitting.schedule_file import load_extension, read_schedule, schedule_from_json, schedule_to_json
from fit_avatar.fitting.state import FitState, FocalLength, calibrated
from fit_avatar.fitting.track_schedule import SHAPE, track
from fit_avatar.fitting.tracking_terms import tracking_terms
from fit_avatar.fitting.turning import Turning, measure_turning

__all__ = [
    "PRESETS",
    "SHAPE",
    "Action",
    "AnySchedule",
    "ChooseHypothesis",
    "ConsensusShape",
    "Context",
    "CoverEars",
    "EstimateFocalLength",
    "FitFace",
    "FitState",
    "FocalLength",
    "GrowBrim",
    "Initialise",
    "LayGarment",
    "LayHair",
    "MatchSurface",
    "MeasureKeypointNoise",
    "MotionConfig",
    "Observations",
    "ResolveLimbs",
    "Schedule",
    "Solve",
    "SolvedMotion",
    "SpreadToes",
    "StartFrom",
    "Turning",
    "UseAllFrames",
    "as_schedule",
    "calibrated",
    "fit",
    "fit_batch",
    "load_extension",
    "measure_turning",
    "motion",
    "only_whole",
    "preset",
    "read_schedule",
    "schedule_from_json",
    "schedule_to_json",
    "solve_motion",
    "some_frames",
    "stack_captures",
    "track",
    "tracking_terms",
    "video_avatar",
]
