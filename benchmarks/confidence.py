"""Whether the report's confidence says where an avatar is wrong: rank correlations with the true errors.

    python benchmarks/confidence.py [CLIP_FOLDER …] [--people 2] [--wear hat …] [--inputs raw] [--frames 40]

Clips as for ``accuracy.py``; what it has observed in the same folder of results is used again, and so is every fit: to
fit anew, delete the folder ``fits`` in it. It needs Open3D: pip install '.[evaluate]'.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Literal

import tyro

from fit_avatar.io.runner import Runner
from fit_avatar.progress import Silent
from lib.chosen_clips import chosen_clips
from lib.confidence_scores import Prediction, predict, region_rows, rows
from lib.markdown import markdown_table
from lib.measure import compare_surfaces
from lib.timed_fit import Job, fitted, observed_clip
from lib.true_clip import read_clip

OUT = Path("out/accuracy")
HEADINGS = ("clip", "over vertices", "over regions", "expected over regions", "expected mm", "error mm")


def main(
    clips: tyro.conf.Positional[tuple[Path, ...]] = (),
    people: int = 0,
    wear: tuple[str, ...] = ("",),
    inputs: Literal["given", "true-masks", "true-keypoints", "raw"] = "raw",
    frames: int = 120,
    size: int = 1080,
    out: Path = OUT,
) -> None:
    """Print two tables.

    Args:
        clips: folders with video.mp4, masks/, keypoints/, camera.json and gt.npz.
        people: how many synthetic people to make, of each that is worn.
        wear: what they wear, as for people.py.
        inputs: as for accuracy.py.
        frames: use at most this many.
        size: of the videos of synthetic people, in pixels.
        out: folder of the results.
    """
    folders = chosen_clips(clips, people, wear, size, out)
    found = []
    for clip in folders:
        found.append(predicted(Job(clip, inputs, frames=frames, out=out)))
        print(" | ".join(rows(found[-1:])[0]), flush=True)
    print(f"\n{markdown_table(HEADINGS, rows(found))}")
    print(f"\n{markdown_table(('region', 'confidence', 'expected mm', 'error mm'), region_rows(found))}")


def predicted(job: Job) -> Prediction:
    """Return confidence and errors of one clip, fitted unless it is already."""
    file = job.out / "fits" / f"{job.name}.pkl"
    if file.exists():
        body, state, capture = pickle.loads(file.read_bytes())
    else:
        avatar = fitted(job, read_clip(job.clip), observed_clip(job), Runner(None, Silent()))
        body, state, capture = avatar.body, avatar.state, avatar.capture
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps((body, state, capture)))
    surfaces = compare_surfaces(body, state, capture.frame_indices, read_clip(job.clip))
    return predict(job.clip.name, body, state, capture, surfaces)


if __name__ == "__main__":
    tyro.cli(main)
