"""Write clips with known truth: synthetic people who are dressed and turn around once.

    python benchmarks/people.py OUT [--people 4] [--wear skirt+ponytail hat …] [--steps] [--size 1080] [--frames 120]

``benchmarks/README.md`` describes the folders.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tyro

from fit_avatar.errors import BadInputError
from lib.outfits import named_outfits
from lib.synthetic_person import person_folder, write_person


def main(
    out: tyro.conf.Positional[Path],
    people: int = 4,
    wear: tuple[str, ...] = ("",),
    steps: bool = False,
    frames: int = 120,
    size: int = 1080,
    first: int = 0,
) -> None:
    """Write clips.

    Args:
        out: the folder.
        people: how many, of each that is worn.
        wear: what they wear instead of the seed's clothes: long_hair, ponytail, hat, skirt, dress, long_dress,
            coat, boots, barefoot, shoes, or several joined with +. "all" is each of them alone.
        steps: they step around, as people do; without, their feet slide around.
        frames: in each clip.
        size: width and height in pixels.
        first: seed of the first person.
    """
    try:
        outfits = named_outfits(wear)
    except BadInputError as error:
        sys.exit(str(error))
    for name in outfits:
        for seed in range(first, first + people):
            folder = person_folder(out, seed, name, steps)
            print(write_person(folder, seed, frames, size, name, steps), flush=True)


if __name__ == "__main__":
    tyro.cli(main)
