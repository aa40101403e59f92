"""The reporters of the option --log."""

import logging

import pytest

from fit_avatar.progress import reporter_for
from tests.progress.told_run import tell


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    tell(reporter_for("quiet"))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("log", ["bar", "quiet", "verbose", "json"])
def test_the_logger_is_left_as_it_was(log: str) -> None:
    root = logging.getLogger("fit_avatar")
    before = (root.level, root.propagate, list(root.handlers))
    with reporter_for(log):
        assert len(root.handlers) == len(before[2]) + 1
    assert (root.level, root.propagate, list(root.handlers)) == before
