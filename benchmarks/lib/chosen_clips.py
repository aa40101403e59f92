"""The clips that a benchmark is asked for: folders that are there, and synthetic people that are made."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from fit_avatar.errors import BadInputError
from lib.outfits import named_outfits
from lib.synthetic_person import person_folder, write_person


def chosen_clips(clips: Sequence[Path], people: int, wear: Sequence[str], size: int, out: Path) -> list[Path]:
    """Return the folders, and end the program with a sentence where there are none or nobody wears such a thing.

    Args:
        clips: folders that are there.
        people: how many synthetic people to make, of each that is worn.
        wear: what they wear, as for people.py.
        size: of their videos, in pixels.
        out: folder of the results; people are kept in it.
    """
    try:
        outfits = named_outfits(wear) if people else []
    except BadInputError as error:
        sys.exit(str(error))
    made = [(person_folder(out / "people", seed, name), seed, name) for name in outfits for seed in range(people)]
    folders = list(clips) + [write_person(folder, seed, size=size, wear=name) for folder, seed, name in made]
    if not folders:
        sys.exit("give folders of clips, or --people N")
    return folders
