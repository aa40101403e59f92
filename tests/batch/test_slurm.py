"""The job of a Slurm array asks for its part of the clips."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

JOB = Path(__file__).parents[2] / "tools" / "slurm" / "array.sh"


@pytest.mark.skipif(shutil.which("bash") is None, reason="Slurm's jobs are scripts of Bash")
@pytest.mark.parametrize(("more", "part"), [({}, "3/50"), ({"PARTS": "80"}, "3/80")])
def test_a_job_does_its_part(more: dict[str, str], part: str, tmp_path: Path) -> None:
    program = tmp_path / "fit-avatar"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    slurm = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MAX": "50", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["bash", str(JOB), "my clips.csv", "out", "--texture-size", "64"]
    told = subprocess.run(command, env={**os.environ, **slurm, **more}, capture_output=True, text=True, check=True)
    words = ["batch", "my clips.csv", "--out", "out", "--part", part, "--texture-size", "64"]
    assert told.stdout.splitlines() == words
