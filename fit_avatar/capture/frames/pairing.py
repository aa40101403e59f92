"""Which frame a file with keypoints or a mask belongs to, where the frames are pictures with names of their own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from fit_avatar.capture.files import running_numbers

ENDINGS = ("_keypoints", "_mask", "_masks", "_pose", "_openpose", "_alpha", "_matte", "_seg")
"""What may follow a picture's name in the names of its other files."""


def pair_names(pictures: Sequence[str], files: Sequence[Path]) -> dict[int, Path] | None:
    """Pair files with pictures of the same name: frame index → file; ``None`` if they are not named like pictures.

    Args:
        pictures: names of all frames, without suffixes.
        files: to be paired.
    """
    index = {name: k for k, name in enumerate(pictures)}
    paired: dict[int, Path] = {}
    for file in files:
        name = file.stem
        for ending in ENDINGS:
            name = name if name in index else name.removesuffix(ending)
        if name not in index or index[name] in paired:
            return None
        paired[index[name]] = file
    return paired or None


def pair_numbers(pictures: Sequence[str], numbers: Collection[int]) -> dict[int, int]:
    """Pair numbers in the names of other files, or in one file, with those in the pictures' names: number → index.

    Nothing is paired (numbers then count frames) unless every number is one of a picture's.
    """
    own = running_numbers(list(pictures))
    if own is None or len(set(own)) != len(own):
        return {}
    index = {number: k for k, number in enumerate(own)}
    return {number: index[number] for number in numbers} if set(numbers) <= index.keys() else {}
