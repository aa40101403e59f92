"""The clips that a benchmark is asked for: folders that are there, and synthetic people that are made."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from fit_avatar.errors import BadInputError
from lib.outfits import named_outfits
from lib.synthetic_person import person_folder, write_person


def chosen_clips(
    clips: Sequence[Path], people: int, wear: Sequence[str], size: int, out: Path, steps: bool = False
) -> list[Path]:
    """Return the folders, and end the program with a sentence where there are none or nobody wears such a thing.

    Args:
        clips: folders that are there.
        people: how many synthetic people to make, of each that is worn.
        wear: what they wear, as for people.py.
        size: of their videos, in pixels.
        out: folder of the results; people are kept in it.
        steps: whether they step around instead of sliding.
    """
    try:
        outfits = named_outfits(wear) if people else []
    except BadInputError as error:
        sys.exit(str(error))
    made = [
        write_person(person_folder(out / "people", seed, name, steps), seed, size=size, wear=name, steps=steps)
        for name in outfits
        for seed in range(people)
    ]
    folders = [*clips, *made]
    if not folders:
        sys.exit("give folders of clips, or --people N")
    return folders
