"""Coverage and confidence summarised for each region of the body, and warnings about regions that were hardly seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.mesh import vertex_areas
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import shaped
from fit_avatar.body.state import BodyState
from fit_avatar.report.quality import Quality
from fit_avatar.report.regions import REGIONS, regions_of_vertices


@dataclass(frozen=True)
class CoverageConfig:
    """Thresholds of the summary of a region."""

    guess_confidence: float = 0.3
    """Surface of lower confidence counts as a guess. Chosen by hand."""
    few_frames: float = 0.1
    """Fraction of the clip's frames; a region seen in fewer causes a warning. Chosen by hand: a full turn shows every
    side in about a third of the frames."""
    most_named: int = 6
    """More regions that are not seen are counted instead of named. Chosen by hand."""


COVERAGE = CoverageConfig()


@dataclass(frozen=True)
class Region:
    """How well one part of the body is known; fractions and means are weighted by area."""

    name: str
    frames: int
    """Number of frames that saw the region's median vertex."""
    seen: float
    """Fraction that at least one frame saw."""
    best_angle_deg: float | None
    """Mean angle between surface normal and line of sight in each vertex's best frame; None if nothing was seen."""
    contour_error_mm: float | None
    """Root mean square distance between surface and mask contours; None where no contour was near."""
    confidence: float
    """Mean confidence, 0 (a guess) to 1 (measured)."""
    guess: float
    """Fraction of lower confidence than :attr:`CoverageConfig.guess_confidence`."""
    expected_error_mm: float
    """Mean distance from the true surface that is to be expected."""


def summarise_regions(
    body: Body, state: BodyState, quality: Quality, config: CoverageConfig = COVERAGE
) -> tuple[Region, ...]:
    """Return the regions from head to foot, without those that the body lacks."""
    vertices = shaped(body, state.betas, state.offsets).detach()
    region = regions_of_vertices(body, state)
    area = vertex_areas(vertices.double(), body.faces).cpu().numpy()
    of_region = ((name, np.flatnonzero(region == k)) for k, name in enumerate(REGIONS))
    return tuple(summarise(name, quality, area, chosen, config) for name, chosen in of_region if len(chosen))


def summarise(
    name: str,
    quality: Quality,
    area: NDArray[np.float64],
    chosen: NDArray[np.int64],
    config: CoverageConfig = COVERAGE,
) -> Region:
    """Return the summary of some vertices. area [V], chosen [N]"""
    weight = area[chosen] / max(float(area[chosen].sum()), 1e-12)
    frames, cosine = quality.frames[chosen], quality.best_cosine[chosen]
    error, confident = quality.contour_error_m[chosen].astype(np.float64), quality.confidence[chosen]
    seen, touched = frames > 0, np.isfinite(error)
    order = np.argsort(frames, kind="stable")
    median = frames[order][np.searchsorted(np.cumsum(weight[order]), 0.5).clip(max=len(chosen) - 1)]
    angle = np.degrees(np.arccos(np.clip(cosine[seen], 0, 1)))
    return Region(
        name=name,
        frames=int(median),
        seen=float(weight[seen].sum()),
        best_angle_deg=float(np.average(angle, weights=weight[seen])) if seen.any() else None,
        contour_error_mm=1000 * float(np.sqrt(np.average(error[touched] ** 2, weights=weight[touched])))
        if touched.any()
        else None,
        confidence=float(confident @ weight),
        guess=float(weight[confident < config.guess_confidence].sum()),
        expected_error_mm=1000 * float(quality.expected_error_m[chosen] @ weight),
    )


def coverage_warnings(regions: Sequence[Region], frames: int, config: CoverageConfig = COVERAGE) -> tuple[str, ...]:
    """Return warnings about regions that no frame, or few of the clip's used frames, show."""
    unseen = [region.name for region in regions if region.frames == 0]
    few = [region for region in regions if 0 < region.frames < config.few_frames * frames]
    warnings = []
    if unseen:
        named = (
            _listed(unseen) if len(unseen) <= config.most_named else f"body in {len(unseen)} of {len(regions)} regions"
        )
        warnings.append(f"No frame shows half of the {named}: shape and colours there are a guess.")
    if few:
        named = _listed([f"{region.name} ({_count(region.frames)})" for region in few])
        warnings.append(f"Seen in few frames only: {named}.")
    return tuple(warnings)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _count(frames: int) -> str:
    return "1 frame" if frames == 1 else f"{frames} frames"
