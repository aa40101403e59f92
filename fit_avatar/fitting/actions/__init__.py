"""The actions of a schedule: one small class each."""

from fit_avatar.fitting.actions.action import Action, Context, identity
from fit_avatar.fitting.actions.choose_hypothesis import ChooseHypothesis
from fit_avatar.fitting.actions.consensus_shape import ConsensusShape
from fit_avatar.fitting.actions.cover_ears import CoverEars
from fit_avatar.fitting.actions.fit_face import FitFace
from fit_avatar.fitting.actions.focal_length import EstimateFocalLength
from fit_avatar.fitting.actions.grow_brim import GrowBrim
from fit_avatar.fitting.actions.initialise import Initialise
from fit_avatar.fitting.actions.keypoint_noise import MeasureKeypointNoise
from fit_avatar.fitting.actions.lay_garment import LayGarment
from fit_avatar.fitting.actions.lay_hair import LayHair
from fit_avatar.fitting.actions.match_surface import MatchSurface
from fit_avatar.fitting.actions.resolve_limbs import ResolveLimbs
from fit_avatar.fitting.actions.solve import Solve
from fit_avatar.fitting.actions.spread_toes import SpreadToes
from fit_avatar.fitting.actions.start_from import StartFrom
from fit_avatar.fitting.actions.use_all_frames import UseAllFrames

__all__ = [
    "Action",
    "ChooseHypothesis",
    "ConsensusShape",
    "Context",
    "CoverEars",
    "EstimateFocalLength",
    "FitFace",
    "GrowBrim",
    "Initialise",
    "LayGarment",
    "LayHair",
    "MatchSurface",
    "MeasureKeypointNoise",
    "ResolveLimbs",
    "Solve",
    "SpreadToes",
    "StartFrom",
    "UseAllFrames",
    "identity",
]
