"""All settings of the masks' refinement."""

from __future__ import annotations

from dataclasses import dataclass

from fit_avatar.capture.background import DEFAULT_BACKGROUND, BackgroundConfig
from fit_avatar.capture.edge import DEFAULT_EDGE, EdgeConfig
from fit_avatar.capture.feet import DEFAULT_FEET, FeetConfig
from fit_avatar.capture.floor import DEFAULT_FLOOR, FloorConfig
from fit_avatar.capture.palette import DEFAULT_PALETTE, PaletteConfig


@dataclass(frozen=True)
class RefinementConfig:
    """Settings of the masks' refinement. Lengths in heights are fractions of the person's height in the picture."""

    work_height_px: int = 480
    """Height of the person at which evidence is gathered, in pixels; larger crops are scaled down, and only the
    boundary is treated at full size. Measured on three turns and eight motions with true masks: with 600 the overlap is
    0.0001 to 0.0008 better, in 1.4 times the time."""
    edge_band: float = 0.002
    """Half-width of the band in which the boundary is placed, in heights. Chosen by hand."""
    min_edge_band_px: int = 2
    """Lower bound of that half-width, in pixels. Chosen by hand."""
    crop_margin: float = 0.08
    """Margin of the crop around the coarse mask, in heights. Chosen by hand."""
    max_distance: float = 0.06
    """Pixels further outside the coarse mask than this, in heights, are background. Chosen by hand."""
    max_distance_in_crowd: float = 0.02
    """The same in a clip that shows other people, too: what differs from the background there may be somebody else.
    Chosen on benchmarks/masks.py."""
    coarse_slack: float = 0.008
    """Distance from the coarse boundary that is worth one unit of log odds, in heights. Chosen by hand."""
    coarse_against: float = 3.0
    """Bound on the coarse mask's log odds against the person. Chosen by hand."""
    coarse_for: float = 7.0
    """Bound on the coarse mask's log odds for the person. Chosen by hand."""
    coarse_for_on_plate: float = 3.0
    """The same where the clean plate is known, which is the better witness. Chosen by hand."""
    plate_sigmas: float = 3.5
    """Distance from the clean plate, in standard deviations, at which person and background are equally likely. Chosen
    by hand."""
    plate_against: float = 4.0
    """Bound on the clean plate's log odds against the person. Chosen by hand."""
    plate_for: float = 5.0
    """Bound on the clean plate's log odds for the person. Chosen by hand."""
    plate_slope: float = 2.25
    """Factor on the relative squared distance beyond ``plate_sigmas`` that gives log odds for the person. Chosen by
    hand."""
    colour_weight_on_plate: float = 0.3
    """Weight of the colours' log odds where the clean plate is known. Chosen by hand."""
    colour_window: float = 0.05
    """Side of the window of local colours, in heights. Chosen by hand."""
    seed_log_odds: float = 1.5
    """Log odds for or against the person beyond which a pixel teaches the local colours … Chosen by hand."""
    seed_conflict: float = 1.0
    """… unless its colour contradicts with clip-wide log odds beyond this … Chosen by hand."""
    seed_coarse_log_odds: float = 2.5
    """… and the coarse mask's log odds are within this bound. Chosen by hand."""
    smoothness: float = 4.0
    """Strength (λ) of the edge-aware smoothing, at that height. Chosen by hand."""
    smoothing_colour_sigma: float = 15.0
    """Difference in colour at which the smoothing stops (σ), in grey levels. Chosen by hand."""
    floor_top: float = 0.15
    """Height above the soles below which a row begins to show the floor, in heights. Chosen by hand."""
    floor_certain: float = 0.07
    """Height above the soles below which it certainly does, in heights. Chosen by hand."""
    foot_log_odds: float = 3.5
    """Log odds of the person on these bones: shoes often look like the floor and stand in their own shadow. Chosen by
    hand."""
    below_feet: float = 0.05
    """Pixels further below the lowest point of both feet than this, in heights, are the floor: its reflections and
    shadows look like feet. The soles are up to 0.04 below that point. Chosen on benchmarks/mirror_floor.py."""
    sole: float = 0.02
    """Depth below the line from heel to toe at which shoes end on average, in heights. Chosen on
    benchmarks/masks.py."""
    sole_slack: float = 0.01
    """Depth beyond that which is worth one unit of log odds against the person, in heights. Chosen by hand."""
    certain_floor: float = 0.04
    """Depth below that line from which pixels teach the floor's colours, with what it reflects, in heights. Chosen by
    hand."""
    doubtful_floor: float = 0.005
    """Depth below that line from which the clean plate says little for the person: shadows and reflections differ from
    it, too. Chosen by hand."""
    plate_for_on_floor: float = 1.0
    """Bound on the clean plate's log odds for the person there. Chosen by hand."""
    plate_for_relit: float = 1.5
    """The same where only more or less light would explain the difference. Chosen by hand."""
    colour_weight_on_floor: float = 1.0
    """Weight of the colours' log odds in both places. Chosen by hand."""
    others_margin: float = 0.02
    """Around other people the clean plate says nothing for the person, up to this distance, in heights. Chosen by
    hand."""
    hidden_fraction: float = 0.03
    """If more than this fraction of the coarse mask's inside looks like the clean plate, clothes may have the
    background's colour. Chosen on benchmarks/masks.py."""
    trust_window: float = 0.015
    """Side of the neighbourhood in which that is decided, in heights. Chosen by hand."""
    trusted_sigmas: tuple[float, float] = (0.8, 1.4)
    """Root mean square distance from the clean plate, in standard deviations, up to which it is the background itself,
    and from which it is not: 0.4 to 0.6 in gaps, 0.9 to 4.6 on such clothes. Measured on benchmarks/masks.py."""
    least_trust: float = 0.25
    """How far the clean plate is trusted against the person where it is not. Chosen by hand."""
    flesh: float = 0.08
    """What two people's coarse masks hold may be the person's up to this distance from their bones, in heights. Chosen
    by hand."""
    palette_samples: int = 800
    """Pixels of each frame from which the colour clusters are made. Chosen by hand."""
    coarse_margins: tuple[float, float] = (0.02, 0.035)
    """Widths inside and outside a coarse boundary from which nothing is learnt, in heights. Chosen by hand."""
    refined_margins: tuple[float, float] = (0.004, 0.008)
    """The same at a refined boundary. Chosen by hand."""
    background: BackgroundConfig = DEFAULT_BACKGROUND
    palette: PaletteConfig = DEFAULT_PALETTE
    edge: EdgeConfig = DEFAULT_EDGE
    feet: FeetConfig = DEFAULT_FEET
    floor: FloorConfig = DEFAULT_FLOOR


DEFAULT_REFINEMENT = RefinementConfig()
