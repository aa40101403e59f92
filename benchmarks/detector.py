"""Processor time of the built-in detector's models a frame, on one thread, and what they see.

python benchmarks/detector.py [CLIP] [FRAMES]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import tyro

from fit_avatar.capture.blazepose import FaceEstimator, HandEstimator, Hands, Part
from fit_avatar.capture.mediapipe_pose import MediaPipeDetector
from fit_avatar.capture.video import probe, read_frames
from lib.markdown import markdown_table

Result = TypeVar("Result")
DEMO = Path(__file__).parents[1] / "assets" / "demo.mp4"


def main(
    clip: tyro.conf.Positional[Path] = DEMO, frames: tyro.conf.Positional[int] = 60, pose_model: Path | None = None
) -> None:
    """Print the table.

    Args:
        clip: a video of one person.
        frames: how many of its frames, evenly spread.
        pose_model: a file to take instead of the package's model of the body.
    """
    info = probe(clip)
    indices = np.unique(np.linspace(0, (info.frame_count or frames) - 1, frames).round().astype(int)).tolist()
    body: list[float] = []
    parts: list[float] = []
    seen = {"body": 0, "face": 0, "left hand": 0, "right hand": 0}
    face: Part | None = None
    hands: Hands = (None, None)
    with MediaPipeDetector(pose_model=pose_model) as detector:
        face_finder, hand_finder = FaceEstimator(), HandEstimator()
        for _, picture in read_frames(clip, indices):
            seconds, found = timed(lambda: detector.detect(picture))  # noqa: B023
            body.append(seconds)
            if found is None or found.landmarks is None:
                continue
            pose = found.landmarks
            face_s, face = timed(lambda: face_finder.estimate(picture, pose, face))  # noqa: B023
            hands_s, hands = timed(lambda: hand_finder.estimate(picture, pose, hands))  # noqa: B023
            parts.append(seconds + face_s + hands_s)
            for name, part in zip(seen, (found, face, *hands), strict=True):
                seen[name] += part is not None
    rows = [
        ["body and mask", *spread(body)],
        ["with face and hands", *spread(parts)],
    ]
    print(markdown_table([f"{info.width} × {info.height}, ms a frame", "median", "90th percentile"], rows))
    print(f"\nSeen in {len(body)} frames: " + ", ".join(f"{name} {count}" for name, count in seen.items()))


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Return the seconds of this process's processor time that work takes, and what it gives."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def spread(seconds: list[float]) -> tuple[str, str]:
    """Return median and 90th percentile in milliseconds."""
    return f"{1000 * np.median(seconds):.0f}", f"{1000 * np.quantile(seconds, 0.9):.0f}"


if __name__ == "__main__":
    tyro.cli(main)
