"""Whether folds that are read from shading are those of the person: normals and heights against the truth.

    python benchmarks/folds.py [CLIP_FOLDER …] [--people 2] [--frames 40] [--inputs given raw] [--true-poses]

Clips are folders as ``benchmarks/README.md`` describes them, or synthetic people whose clothes have known folds. It
needs Open3D: pip install '.[evaluate]'.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from torch import Tensor

from fit_avatar.appearance import lighting_normals
from fit_avatar.body import Body, BodyState
from fit_avatar.capture import Capture, read_frames
from fit_avatar.io.runner import Runner
from fit_avatar.progress import Silent
from fit_avatar.texture import RELIEF, TEXTURE, Relief, find_displacement, find_relief
from fit_avatar.texture.clip import ClipGeometry, ClipLighting, ClipSamples
from fit_avatar.visibility import FrameViews
from lib.fold_scores import score_folds
from lib.folds import FoldedClip, write_folded_person
from lib.inputs import spread
from lib.one_picture import relief_of_picture
from lib.timed_fit import Job, fitted, observed_clip
from lib.true_clip import read_clip

OUT = Path("out/folds")
NO_KERNEL = 1e3
"""A scale of the robust kernel that no residual reaches."""


@dataclass(frozen=True)
class Fit:
    """A surface, and the frames that show it."""

    body: Body
    state: BodyState
    capture: Capture


def main(
    clips: tyro.conf.Positional[tuple[Path, ...]] = (),
    people: int = 0,
    first: int = 0,
    frames: int = 40,
    size: int = 1080,
    inputs: tuple[Literal["given", "raw"], ...] = ("given",),
    true_poses: bool = False,
    out: Path = OUT,
) -> None:
    """Read folds from clips in several ways, compare them with the truth, and write ``table.md`` and ``results.json``.

    Args:
        clips: folders with video.mp4, masks/, keypoints/, camera.json and gt.npz.
        people: how many synthetic people with folds to make; they are kept in the folder of the results.
        first: seed of the first of them.
        frames: use at most this many.
        size: of the videos of synthetic people, in pixels.
        inputs: given hands over the clip's masks and keypoints, raw does not.
        true_poses: of synthetic people, also take the true surface without folds instead of a fit.
        out: folder of the results.
    """
    made = [write_folded_person(out / f"person{k:02d}-folds", k, frames, size) for k in range(first, first + people)]
    rows = []
    for folder in (*clips, *(clip.folder for clip in made)):
        folded = next((clip for clip in made if clip.folder == folder), None)
        for way in (*inputs, *(["true poses"] if true_poses and folded else [])):
            rows.append(compared(folder, folded, way, frames, out))
            print(rows[-1], flush=True)
            (out / "results.json").write_text(json.dumps(rows, indent=1))
            (out / "table.md").write_text(table(rows))


def compared(folder: Path, folded: FoldedClip | None, way: str, frames: int, out: Path) -> dict[str, Any]:
    """Return the scores of all ways to read folds from one clip."""
    job = Job(folder, "given" if way == "true poses" else way, frames=frames, out=out)
    truth, observed = read_clip(folder), observed_clip(job)
    if way == "true poses" and folded is not None:
        fit = Fit(folded.coarse_body, folded.coarse_state, spread(observed.capture, frames))
    else:
        avatar = fitted(job, truth, observed, Runner(None, Silent()))
        fit = Fit(avatar.body, avatar.state, avatar.capture)
    reliefs = read_folds(fit, folder / "video.mp4")
    heights = {name: find_displacement(relief, fit.body, fit.state) for name, relief in reliefs.items()}
    heights = {"nothing": np.zeros_like(heights["turn"]), **heights}
    folds = None if folded is None else folded.heights
    scores = score_folds(fit.body, fit.state, fit.capture, truth, heights, folds)
    return {"clip": folder.name, "way": way, **{name: vars(score) for name, score in scores.items()}}


def read_folds(fit: Fit, video: Path) -> dict[str, Relief]:
    """Return what the frames tell of the slopes: over the turn, so without its parts, and in one picture."""
    body, state, capture = fit.body, fit.state, fit.capture
    views = FrameViews(body, state, capture)
    geometry = ClipGeometry.of(views, _nothing)
    pictures = read_frames(video, capture.frame_indices.tolist())
    samples = ClipSamples.of(body, geometry, capture, pictures, TEXTURE.mean_texture.size, [], TEXTURE, _nothing)
    lighting = ClipLighting.of(geometry, samples, views.averaging, None, TEXTURE.light)
    lit = lighting_normals(geometry.normals, views.averaging)

    def turn(colours: dict[int, Tensor], **changes: float) -> Relief:
        mean = replace(samples.mean, colours=colours)
        return find_relief(body, state, mean, geometry.normals, views.averaging, replace(RELIEF, **changes))

    every = samples.mean.colours
    picture = samples.mean.merge(lighting.factors)
    return {
        "one picture": relief_of_picture(body, state, picture, lighting.light, lit.numpy(), geometry.cosine.numpy()),
        "turn": turn(every),
        "turn, no kernel": turn(every, sigma=NO_KERNEL),
        "turn, certain normals": turn(every, normal_error=0.0),
        "turn, 10 frames": turn({t: every[t] for t in sorted(every)[:: max(1, len(every) // 10)]}),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the angles, and the correlations in brackets, as Markdown."""
    names = [name for name in rows[0] if name not in ("clip", "way")]
    lines = [f"| clip | fit | {' | '.join(names)} |", f"|{'---|' * (len(names) + 2)}"]
    for row in rows:
        cells = []
        for name in names:
            degrees, correlation = row[name]["degrees"], row[name]["correlation"]
            cells.append(f"{degrees:.2f}" + (f" ({correlation:.2f})" if correlation is not None else ""))
        lines.append(f"| {row['clip']} | {row['way']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _nothing() -> None:
    """Count no steps."""


if __name__ == "__main__":
    tyro.cli(main)
