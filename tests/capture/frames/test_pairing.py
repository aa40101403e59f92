from __future__ import annotations

from pathlib import Path

import pytest

from fit_avatar.capture.frames.pairing import pair_names, pair_numbers

PICTURES = ("img_0010", "img_0012", "img_0013")


@pytest.mark.parametrize("ending", ["", "_keypoints", "_mask"])
def test_files_that_are_named_like_pictures(ending: str) -> None:
    files = [Path(f"{name}{ending}.png") for name in (PICTURES[2], PICTURES[0])]
    assert pair_names(PICTURES, files) == {2: files[0], 0: files[1]}


def test_names_without_numbers() -> None:
    assert pair_names(("front", "side"), [Path("side.json")]) == {1: Path("side.json")}


@pytest.mark.parametrize("files", [["mask_0010.png"], ["img_0010.png", "img_0011.png"], ["img_0010.png"] * 2, []])
def test_other_names_are_not_paired(files: list[str]) -> None:
    assert pair_names(PICTURES, [Path(file) for file in files]) is None


def test_numbers_of_pictures() -> None:
    assert pair_numbers(PICTURES, [10, 13]) == {10: 0, 13: 2}
    assert pair_numbers(PICTURES, [0, 1, 2]) == {}  # they count frames
    assert pair_numbers((), [0]) == {} and pair_numbers(("a", "b"), [0]) == {}
