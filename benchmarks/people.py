"""Write clips with known truth: synthetic people who are dressed and turn around once.

    python benchmarks/people.py OUT [--people 4] [--size 1080] [--frames 120]

``benchmarks/README.md`` describes the folders.
"""

from __future__ import annotations

from pathlib import Path

import tyro

from lib.synthetic_person import write_person


def main(out: tyro.conf.Positional[Path], people: int = 4, frames: int = 120, size: int = 1080, first: int = 0) -> None:
    """Write clips.

    Args:
        out: the folder.
        people: how many.
        frames: in each clip.
        size: width and height in pixels.
        first: seed of the first person.
    """
    for seed in range(first, first + people):
        print(write_person(out / f"person{seed:02d}", seed, frames, size), flush=True)


if __name__ == "__main__":
    tyro.cli(main)
