"""The package's face: its names are there, and nothing heavy is imported before it is needed."""

import subprocess
import sys

import fit_avatar


def test_every_public_name_is_there():
    for name in fit_avatar.__all__:
        assert getattr(fit_avatar, name) is not None


def test_importing_is_light():
    code = "import sys, fit_avatar; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
