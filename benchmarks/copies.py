"""One clip in other encodings: each copy must give the avatar of the plain clip, in its colours.

    python benchmarks/copies.py [CLIP.mp4] [--frames 24] [--step 1] [--only hlg rotated]

Prints, for each copy, how far its frames are from the plain clip's, and its avatar's surface and texture from those of
the plain clip's avatar and from those of the avatar of the plain clip with a lossy encoding: by points of the surface,
and across the surface alone, as it is seen. Figures are worth comparing only between runs of one machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import tyro

from fit_avatar import Avatar, fit_video
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.capture import read_frames
from fit_avatar.capture.video import frame_times
from fit_avatar.fitting import preset
from fit_avatar.texture.inpaint import Origin
from lib.encodings import BGR, hlg, pq, set_matrix, write
from lib.markdown import markdown_table

DEMO = Path(__file__).parents[1] / "assets" / "demo.mp4"
OUT = Path("out/copies")
HDR: dict[str, Any] = {"codec": "libx265", "bits": 10, "matrix": 9, "primaries": 9}


def missed(count: int) -> set[int]:
    """Return frames that a camera missed, a quarter of them, never two in a row."""
    return set(
        (1 + 4 * np.arange((count - 2) // 4) + np.random.default_rng(0).integers(0, 3, (count - 2) // 4)).tolist()
    )


def repeated(frames: list[BGR]) -> list[BGR]:
    """Return frames at an even rate in which the one before stands for each that was missed."""
    gone = missed(len(frames))
    return [frames[k - 1] if k in gone else frame for k, frame in enumerate(frames)]


def caught(frames: list[BGR]) -> list[BGR]:
    """Return the frames that were not missed."""
    gone = missed(len(frames))
    return [frame for k, frame in enumerate(frames) if k not in gone]


def uneven(path: Path, frames: list[BGR]) -> Path:
    """Write the frames that were not missed, each at its own time: of a rate that varies.

    Other times for the same pictures would be another motion, which gives another avatar.
    """
    return write(path, caught(frames), times_ms=[40 * k for k in range(len(frames)) if k not in missed(len(frames))])


def turned(path: Path, frames: list[BGR]) -> Path:
    """Write a clip that was filmed upright, with the sensor on its side."""
    return set_matrix(write(path, [np.ascontiguousarray(np.rot90(frame)) for frame in frames]), 0, 1, -1, 0)


def squeezed(path: Path, frames: list[BGR]) -> Path:
    """Write three quarters of the columns, as pixels of 4:3."""
    height, width = frames[0].shape[:2]
    narrow = [
        np.asarray(cv2.resize(f, (width * 3 // 4, height), interpolation=cv2.INTER_AREA), np.uint8) for f in frames
    ]
    return write(path, narrow, aspect=Fraction(4, 3))


def pictures(path: Path, frames: list[BGR]) -> Path:
    """Write a folder of PNG files."""
    path.mkdir(parents=True, exist_ok=True)
    for k, frame in enumerate(frames):
        cv2.imwrite(str(path / f"{k + 1:05d}.png"), frame)
    return path


COPIES: dict[str, Callable[[list[BGR]], Path]] = {
    "plain": lambda frames: write(OUT / "plain.mp4", frames),
    "re-encoded": lambda frames: write(OUT / "crf18.mp4", frames, options={"crf": "18", "preset": "fast"}),
    "hlg": lambda frames: write(OUT / "hlg.mp4", frames, transfer=18, signal=hlg, **HDR),
    "pq": lambda frames: write(OUT / "pq.mp4", frames, transfer=16, signal=pq, **HDR),
    "rotated": lambda frames: turned(OUT / "rotated.mp4", frames),
    "repeats": lambda frames: write(OUT / "repeats.mp4", repeated(frames)),
    "variable-rate": lambda frames: uneven(OUT / "variable.mp4", frames),
    "non-square": lambda frames: squeezed(OUT / "squeezed.mp4", frames),
    "full-range": lambda frames: write(OUT / "full.mp4", frames, full=True),
    "bt601": lambda frames: write(OUT / "bt601.mp4", frames, matrix=6),
    "pictures": lambda frames: pictures(OUT / "pictures", frames),
}
"""How each copy is made. "re-encoded" is an ordinary lossy encoding of the same pictures: what its avatar is off by is
noise."""
SHOWN: dict[str, Callable[[list[BGR]], list[BGR]]] = {"repeats": repeated, "variable-rate": caught}
"""What a copy shows, where it is not every frame."""
ENCODED = "re-encoded"
"""The copy whose avatar all others are compared with, too."""
LIKE = {"variable-rate": "repeats"}
"""What a copy is compared with where it is not the plain clip: a clip of the same pictures at the same times."""


def colour_error(path: Path, frames: list[BGR]) -> tuple[float, float]:
    """Return the mean difference of a clip's frames from others in grey levels, and that of the worst pixel."""
    means, worst = [], 0
    for (_, frame), other in zip(read_frames(path), frames, strict=True):
        difference = np.abs(frame.astype(np.int16) - other)
        means.append(float(difference.mean()))
        worst = max(worst, int(difference.max()))
    return float(np.mean(means)), worst


def row(name: str, path: Path, frames: list[BGR], avatars: dict[str, Avatar | None], took: float) -> list[str]:
    """Return a copy's row of the table. ``avatars`` holds its own and those that were made before."""
    mean, worst = colour_error(path, frames)
    avatar, like = avatars[name], avatars[LIKE.get(name, "plain")]
    apart = [*differences(avatar, like), *differences(avatar, avatars.get(ENCODED))]
    return [name, f"{mean:.2f}", str(worst), f"{frame_times(path)[-1]:.3f}", *apart, f"{took:.0f}"]


def differences(avatar: Avatar | None, other: Avatar | None) -> list[str]:
    """Return how far two avatars are apart, as cells: points, the worst of them, the skin across itself, textures."""
    if avatar is None or other is None or avatar.texture is None or other.texture is None:
        return ["", "", "", ""]
    body, vertices = avatar.body, in_t_pose(avatar)
    apart = 1000 * (vertices - in_t_pose(other))
    distance, across = apart.norm(dim=-1), (apart * vertex_normals(vertices, body.faces)).sum(-1)[body.skin].abs()
    seen = (avatar.texture.origin == Origin.SEEN) & (other.texture.origin == Origin.SEEN)
    colours = np.abs(avatar.texture.image.astype(np.int16) - other.texture.image)[seen]
    return [f"{distance.mean():.2f}", f"{distance.max():.2f}", f"{across.mean():.2f}", f"{colours.mean():.2f}"]


def in_t_pose(avatar: Avatar) -> torch.Tensor:
    """Return an avatar's surface, upright in the T-pose. [V, 3]"""
    return avatar.posed(torch.zeros_like(avatar.state.body_pose[:1])).vertices[0]


def main(
    clip: tyro.conf.Positional[Path] = DEMO,
    frames: int = 24,
    step: int = 1,
    height: float = 1.79,
    only: tuple[str, ...] = (),
    fit: bool = True,
) -> None:
    """Print the table.

    Args:
        clip: to be copied.
        frames: of each copy that are fitted.
        step: copy every so many frames.
        height: of the person in metres; without it the size of the body is open, and noise in the masks changes it by
            half a percent.
        only: these copies.
        fit: fit avatars; otherwise only frames and times are compared.
    """
    OUT.mkdir(parents=True, exist_ok=True)
    filmed = [frame for k, (_, frame) in enumerate(read_frames(clip)) if k % step == 0]
    avatars, rows = dict[str, Avatar | None](), []
    heading = [
        "copy", "frames: mean difference", "worst", "last time, s", "points: mean, mm", "worst, mm", "across, mm",
        "texture, levels", "from re-encoded: mm", "worst, mm", "across, mm", "texture, levels", "seconds",
    ]  # fmt: skip
    for name, make in COPIES.items():
        if only and name not in (*only, "plain", ENCODED, *(LIKE[each] for each in only if each in LIKE)):
            continue
        path, began, avatar = make(filmed), time.perf_counter(), None
        if fit:
            avatar = fit_video(
                path,
                frames=frames,
                height_m=height,
                schedule=preset("video-avatar", "fast"),
                texture_size=512,
                check=False,
            )
        avatars[name] = avatar
        shown = SHOWN.get(name, list)(filmed)
        rows.append(row(name, path, shown, avatars, time.perf_counter() - began))
        print(markdown_table(heading, rows[-1:]), flush=True)
    print(markdown_table(heading, rows))


if __name__ == "__main__":
    tyro.cli(main)
