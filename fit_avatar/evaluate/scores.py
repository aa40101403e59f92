"""The measures of one comparison, as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from fit_avatar.evaluate.vertices import RegionScore
from fit_avatar.io.atomic import atomic_path


@dataclass(frozen=True)
class Scores:
    """What :func:`fit_avatar.evaluate.evaluate_motion` has measured; None where it could not be."""

    protocol: str
    layout: str
    """Of the truth."""
    joints: tuple[str, ...]
    """That were compared."""
    of_joints: int
    """How many the protocol has."""
    frames: int
    """How many were compared."""
    in_camera: bool
    """Whether positions were compared in the camera's coordinates, root aligned; otherwise the clip was aligned as a
    whole, by one similarity transform."""
    mpjpe_mm: float
    pa_mpjpe_mm: float
    """After a similarity transform of each frame."""
    pve_mm: float | None
    """Mean distance of corresponding vertices, pelvis aligned."""
    pve_reason: str
    """Why there is none."""
    regions: tuple[RegionScore, ...]
    """The same of head, hands, feet and the rest; none without surface."""
    head_deg: float | None
    """Mean angle by which the head is turned wrongly."""
    head_worst_deg: float | None
    """The same of the worst frame."""
    pck_50: float
    """Per cent of the joints within 50 mm, aligned as for MPJPE."""
    pck_150: float
    auc: float
    """Mean PCK at 0, 5, … 150 mm."""
    acceleration_mm: float | None
    """Of the avatar's joints relative to the root, mm/frame²."""
    true_acceleration_mm: float | None
    acceleration_error_mm: float | None
    """Mean length of the difference of the two, mm/frame²."""
    fps: float | None
    """Frames per second, for accelerations in m/s²."""
    worst: tuple[tuple[str, float], ...]
    """The three joints with the largest error after the similarity transform, in mm."""
    notes: tuple[str, ...] = ()
    """What one should know before comparing: one sentence each."""

    def __str__(self) -> str:
        """Return a short table."""
        aligned = "MPJPE, root aligned" if self.in_camera else "MPJPE, clip aligned"
        rows = [
            (aligned, f"{self.mpjpe_mm:.1f} mm"),
            ("PA-MPJPE", f"{self.pa_mpjpe_mm:.1f} mm"),
            ("PVE", f"not measured: {self.pve_reason}" if self.pve_mm is None else f"{self.pve_mm:.1f} mm"),
            *((f"  {each.name}", f"{each.mm:.1f} mm, worst frame {each.worst_mm:.1f}") for each in self.regions),
            *self._head(),
            ("PCK@50", f"{self.pck_50:.1f} %"),
            ("PCK@150", f"{self.pck_150:.1f} %"),
            ("AUC 0–150", f"{self.auc:.1f} %"),
            ("acceleration", self._acceleration(self.acceleration_mm)),
            ("  of the truth", self._acceleration(self.true_acceleration_mm)),
            ("  error", self._acceleration(self.acceleration_error_mm)),
        ]
        worst = ", ".join(f"{name} {error:.0f} mm" for name, error in self.worst)
        return "\n".join(
            [
                f"{self.layout}, protocol {self.protocol}: {len(self.joints)} of {self.of_joints} joints, "
                f"{self.frames} frames",
                *(f"  {name:<22}{value}" for name, value in rows),
                f"  largest after PA: {worst}",
                *(f"  note: {note}" for note in self.notes),
            ]
        )

    def _head(self) -> list[tuple[str, str]]:
        if self.head_deg is None or self.head_worst_deg is None:
            return []
        return [("  head's direction", f"{self.head_deg:.1f}°, worst frame {self.head_worst_deg:.1f}°")]

    def _acceleration(self, value: float | None) -> str:
        if value is None:
            return "not measured: no three frames follow each other"
        per_second = f" = {value / 1e3 * self.fps**2:.2f} m/s²" if self.fps else ""
        return f"{value:.2f} mm/frame²{per_second}"

    def write_json(self, path: Path) -> None:
        """Write all measures, their units in their names (accelerations: mm/frame²).

        Raises:
            BadInputError: the disk is full or the folder cannot be written to.
        """
        content = asdict(self) | {"worst": dict(self.worst)}
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
