"""All settings of the observation of a video or of photographs in one place."""

from __future__ import annotations

from dataclasses import dataclass

from fit_avatar.capture.among import DEFAULT_AMONG, AmongConfig
from fit_avatar.capture.camera_motion import DEFAULT_CAMERA_MOTION, CameraMotionConfig
from fit_avatar.capture.crowd import DEFAULT_CROWD, CrowdConfig
from fit_avatar.capture.left_right import DEFAULT_LEFT_RIGHT, LeftRightConfig
from fit_avatar.capture.linking import DEFAULT_LINKING, LinkingConfig
from fit_avatar.capture.mask_check import DEFAULT_MASK_CHECK, MaskCheckConfig
from fit_avatar.capture.person import DEFAULT_TRACKING, TrackingConfig
from fit_avatar.capture.presence import DEFAULT_PRESENCE, PresenceConfig
from fit_avatar.capture.refine_config import DEFAULT_REFINEMENT, RefinementConfig
from fit_avatar.capture.selection import DEFAULT_SELECTION, SelectionConfig
from fit_avatar.capture.steady import DEFAULT_STEADY, SteadyConfig


@dataclass(frozen=True)
class CaptureConfig:
    """Settings of :func:`~fit_avatar.capture.observe.observe` and of the algorithms that it consists of."""

    min_frames: int = 3
    """A video with fewer usable frames is refused: they do not show a person from all sides. Chosen by hand."""
    min_duration_s: float = 0.35
    """A person who is seen for a shorter time shows no motion. Chosen by hand."""
    learning_frames: int = 24
    """Number of frames from which colours and background are learnt. Chosen by hand."""
    learning_bytes: int = 400_000_000
    """They are fewer if they would take more memory than this: 16 of 3840 × 2160. Chosen by hand."""
    max_cut_off: float = 0.8
    """The video is refused if top or bottom cut off so much of the person in more than this fraction of the frames
    that not even both shoulders and an elbow are left. Chosen by hand."""
    max_both: float = 0.5
    """Given masks are refused if they hold two people at once in more than this fraction of the frames that show both.
    Chosen by hand."""
    crowded_frames: int = 2
    """People are told apart in every frame of the clip if so many of those looked at show several. Chosen by hand."""
    choosing_frames: int = 12
    """Frames in which given masks say who is meant. Chosen by hand."""
    max_mismatch: float = 0.5
    """Given keypoints or masks are refused if they do not show the same person in more than this fraction of the
    frames. Chosen by hand."""
    many_swapped: float = 0.1
    """The user is warned if left and right were exchanged in more than this fraction of the frames. Chosen by hand."""
    few_used: float = 0.7
    """The user is warned if less than this fraction of the selected frames could be used. Chosen by hand."""
    full_weight_sharpness: float = 0.8
    """Frames whose person is less sharp than this fraction of the neighbours' median get a lower weight. Chosen by
    hand."""
    small_person_px: int = 400
    """The user is warned if the person is less than so many pixels high: a pixel is then more than 4 mm. Chosen by
    hand."""
    few_photos: int = 3
    """The user is warned that up to this many photographs leave much of the person unseen. Chosen by hand."""
    selection: SelectionConfig = DEFAULT_SELECTION
    presence: PresenceConfig = DEFAULT_PRESENCE
    steady: SteadyConfig = DEFAULT_STEADY
    camera_motion: CameraMotionConfig = DEFAULT_CAMERA_MOTION
    tracking: TrackingConfig = DEFAULT_TRACKING
    linking: LinkingConfig = DEFAULT_LINKING
    among: AmongConfig = DEFAULT_AMONG
    left_right: LeftRightConfig = DEFAULT_LEFT_RIGHT
    refinement: RefinementConfig = DEFAULT_REFINEMENT
    mask_check: MaskCheckConfig = DEFAULT_MASK_CHECK
    crowd: CrowdConfig = DEFAULT_CROWD


DEFAULT_CAPTURE = CaptureConfig()
