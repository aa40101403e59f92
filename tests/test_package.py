"""The package's face: its names are there, and importing it does nothing else."""

import os
import subprocess
import sys

import pytest

import fit_avatar


def outcome(code, **environment):
    """Run Python code in a process of its own, and return what it prints."""
    others = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**others, **environment}).stdout


def test_the_public_names_are_these_and_all_are_there():
    assert fit_avatar.__all__ == [
        "Avatar", "Schedule", "Term", "energy", "fit_capture", "fit_images", "fit_video", "load_body", "preset",
        "solve", "track_video",
    ]  # fmt: skip
    for name in fit_avatar.__all__:
        assert getattr(fit_avatar, name).__name__ == name
        assert name in dir(fit_avatar)


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="module fit_avatar has no attribute GaussNewton"):
        _ = fit_avatar.GaussNewton


@pytest.mark.parametrize("module", ["fit_avatar", "fit_avatar.cli"])
def test_importing_is_light(module):
    assert outcome(f"import sys, {module}; print('torch' in sys.modules)") == "False\n"


def test_importing_changes_no_environment_variable():
    code = (
        "import os, cv2; before = dict(os.environ)\n"  # OpenCV sets variables of its own
        "from fit_avatar import *; print(dict(os.environ) == before)"
    )
    assert outcome(code) == "True\n"


@pytest.mark.parametrize(("given", "expected"), [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_the_command_line_shortens_the_spinning_of_idle_threads_before_torch_is_loaded(given, expected):
    code = (
        "import os, sys, fit_avatar.cli as cli, fit_avatar.arguments as arguments\n"
        "arguments.parse = lambda argv: sys.exit('torch' in sys.modules)\n"
        "try: cli.main([])\n"
        "except SystemExit as stop: print(os.environ['GOMP_SPINCOUNT'], stop.code)"
    )
    assert outcome(code, **given) == f"{expected} False\n"
