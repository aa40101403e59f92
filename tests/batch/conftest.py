import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from fit_avatar import arguments
from fit_avatar.batch import run as batches
from fit_avatar.batch.options import BatchOptions
from fit_avatar.batch.run import BatchSummary
from fit_avatar.config import Config

STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in.py")))
USUAL = BatchOptions()
Batch = Callable[..., BatchSummary]


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Batch:
    """Run a batch with the stand-in for the program."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))

    def run(clips: Path, options: BatchOptions = USUAL, **common: object) -> BatchSummary:
        given = Config(**{"out": tmp_path / "out", "device": "cpu", **common})
        return batches.run(clips, given, options, partial(arguments._over, given), None, STAND_IN)

    return run


@pytest.fixture
def clips(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder of clips with these texts."""

    def write(**texts: str) -> Path:
        folder = tmp_path / "clips"
        folder.mkdir(exist_ok=True)
        for name, text in texts.items():
            (folder / f"{name}.mp4").write_text(text)
        return folder

    return write
