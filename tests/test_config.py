"""What follows from the options of a run."""

from pathlib import Path

import pytest

from fit_avatar.config import Config, resolve_device


def test_results_go_beside_the_working_directory_by_default() -> None:
    assert Config(Path("clips/anna.mov")).folder == Path("out/anna")
    assert Config(Path("clips/anna.mov"), out=Path("x")).folder == Path("x")
    assert Config(image=(Path("a/anna.jpg"), Path("a/b.jpg"))).folder == Path("out/anna")
    assert Config(Path("clips/anna/%05d.png")).folder == Path("out/anna")


def test_a_person_has_a_number() -> None:
    numbers = {person: Config(Path("anna.mov"), person=person).person_number for person in ("largest", "all", "2")}
    assert numbers == {"largest": None, "all": None, "2": 2}


def test_the_method_suits_the_input() -> None:
    assert Config(Path("anna.mov")).method == "video-avatar"
    assert Config(image=(Path("a.jpg"),)).method == "smplify"
    assert Config(image=(Path("a.jpg"), Path("b.jpg"))).method == "octopus"
    assert Config(image=(Path("a.jpg"),), preset="smplify-x").method == "smplify-x"


def test_auto_takes_the_graphics_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert resolve_device("auto") == resolve_device("cuda") == "cuda"
    assert resolve_device("cpu") == "cpu"
