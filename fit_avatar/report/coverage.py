"""The quality of whole regions of the body, and the sentences that it calls for."""

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

GUESS = 0.3
"""Places of less confidence are called a guess."""
FEW = 0.1
"""Share of a clip's frames below which a region is said to be seen in few; a turning person shows each for a third."""


@dataclass(frozen=True)
class Region:
    """How well one part of the body is known; shares and means are by area."""

    name: str
    frames: int
    """How many frames saw the region's median place."""
    seen: float
    """Share that at least one frame saw."""
    best_angle_deg: float | None
    """Mean angle between surface normal and line of sight in each place's best frame; None if nothing was seen."""
    contour_error_mm: float | None
    """Root mean square distance between surface and outlines; None where no outline touched."""
    confidence: float
    guess: float
    """Share whose confidence is below :data:`GUESS`."""


def summarise_regions(body: Body, state: BodyState, quality: Quality) -> tuple[Region, ...]:
    """Return the regions of the body from head to foot; those that the body lacks are left out."""
    vertices = shaped(body, state.betas, state.offsets).detach().cpu().numpy()
    region = regions_of_vertices(body, state)
    area = vertex_areas(vertices.astype(np.float64), body.faces.cpu().numpy())
    of_region = ((name, np.flatnonzero(region == k)) for k, name in enumerate(REGIONS))
    return tuple(summarise(name, quality, area, chosen) for name, chosen in of_region if len(chosen))


def summarise(name: str, quality: Quality, area: NDArray[np.float64], chosen: NDArray[np.int64]) -> Region:
    """Return the summary of some vertices. area [V], chosen [N]"""
    share = area[chosen] / max(float(area[chosen].sum()), 1e-12)
    frames, cosine = quality.frames[chosen], quality.best_cosine[chosen]
    error, confident = quality.contour_error_m[chosen].astype(np.float64), quality.confidence[chosen]
    seen, touched = frames > 0, np.isfinite(error)
    order = np.argsort(frames, kind="stable")
    median = frames[order][np.searchsorted(np.cumsum(share[order]), 0.5).clip(max=len(chosen) - 1)]
    angle = np.degrees(np.arccos(np.clip(cosine[seen], 0, 1)))
    return Region(
        name=name,
        frames=int(median),
        seen=float(share[seen].sum()),
        best_angle_deg=float(np.average(angle, weights=share[seen])) if seen.any() else None,
        contour_error_mm=1000 * float(np.sqrt(np.average(error[touched] ** 2, weights=share[touched])))
        if touched.any()
        else None,
        confidence=float(confident @ share),
        guess=float(share[confident < GUESS].sum()),
    )


def coverage_warnings(regions: Sequence[Region], frames: int) -> tuple[str, ...]:
    """Return what the user should know about parts that were hardly seen in a clip of so many used frames."""
    unseen = [region.name for region in regions if region.frames == 0]
    few = [region for region in regions if 0 < region.frames < FEW * frames]
    told = []
    if unseen:
        told.append(f"No frame shows the {_listed(unseen)}: shape and colours there are a guess.")
    if few:
        named = _listed([f"{region.name} ({_count(region.frames)})" for region in few])
        told.append(f"Seen in few frames only: {named}.")
    return tuple(told)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _count(frames: int) -> str:
    return "1 frame" if frames == 1 else f"{frames} frames"
