"""The doctor names what is installed and what is missing, and gives the commands that would install it."""

import builtins
import importlib
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from fit_avatar import cli, doctor
from fit_avatar.body import default_body
from fit_avatar.doctor import Extra, Findings, Part, examine, extras, installed, needed_part, satisfies
from fit_avatar.io import optional

WANTED = [
    "numpy<3,>=1.26",
    "no-such-package<3,>=2.1",
    "h5py>=3.11; extra == 'smpl'",
    "no-such-viewer>=1.0; extra == 'view'",
    "no-such-other==2; extra == 'view'",
    "ruff; extra == 'dev'",
    "anny; extra == 'anny'",
]


@pytest.mark.parametrize(
    ("version", "specified", "fits"),
    [
        ("1.26.4", "numpy<3,>=1.26", True),
        ("3.0.0", "numpy<3,>=1.26", False),
        ("1.25", "numpy<3,>=1.26", False),
        ("2.3.0", "ai-edge-litert==2.3.0", True),
        ("2.3.1", "ai-edge-litert==2.3.0", False),
        ("2.13.0+cpu", "torch>=2.4", True),
        ("2.4", "torch>=2.4.0", True),
        ("4.11.0.86", "opencv-python-headless<5,>=4.10", True),
        ("9", "anything", True),
    ],
)
def test_versions_are_compared(version: str, specified: str, fits: bool) -> None:
    assert satisfies(version, specified) is fits


def test_everything_a_run_needs_is_found_here() -> None:
    found = examine()
    assert found.usable, str(found)
    assert {"Python", "torch", "ai-edge-litert", "H.264 encoder", "default body"} <= {
        part.name for part in found.needed
    }
    assert any(line.startswith("device: ") for line in found.system)
    assert {"smpl", "evaluate", "detector rtmlib", "detector openpose"} <= {extra.name for extra in found.optional}


def test_what_is_missing_comes_with_the_command_that_adds_it() -> None:
    part = needed_part(WANTED[1])
    assert str(part) == "✗ no-such-package: it is not installed; pip install 'no-such-package<3,>=2.1'"
    assert not needed_part(WANTED[0]).problem
    old = installed("numpy>=99")
    assert "the version does not fit >=99" in str(old) and old.remedy == "pip install 'numpy>=99'"


def test_a_package_whose_files_are_overwritten_is_to_be_installed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(importlib, "import_module", fail)
    told = str(needed_part("numpy>=1"))
    assert "it does not load (libGL.so.1" in told
    assert told.endswith("pip install --force-reinstall --no-deps 'numpy>=1'")


@pytest.mark.parametrize(("running", "age"), [((3, 9, 18), "old"), ((3, 15, 0), "new")])
def test_a_python_without_wheels_is_named(
    monkeypatch: pytest.MonkeyPatch, running: tuple[int, int, int], age: str
) -> None:
    assert not doctor.python().problem
    monkeypatch.setattr(doctor.sys, "version_info", running)
    told = str(doctor.python())
    assert f"it is too {age}: 3.10 to 3.14 are needed; " in told
    monkeypatch.setattr(doctor.shutil, "which", lambda name: name if name in ("python3.11", "python3.12") else None)
    assert str(doctor.python()).endswith(
        "python3.12 -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt ."
    )
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert "uv tool install --python 3.14 ." in str(doctor.python())


BARE = """
import sys
sys.path.insert(0, {root!r})
{version}
from fit_avatar.__main__ import main
sys.argv[1:] = {argv!r}
sys.exit(main())
"""
NEW = "sys.version_info = (3, 15, 0, 'final', 0); import platform; platform.python_version = lambda: '3.15.0'"


@pytest.mark.parametrize(
    ("argv", "version", "told"),
    [
        (["doctor"], "", "✗ fit-avatar: it is not installed; in its folder: python3 -m venv .venv && "),
        (["doctor"], NEW, "✗ Python 3.15.0: it is too new: 3.10 to 3.14 are needed; "),
        (["--video", "a.mp4"], NEW, "fit-avatar: this is Python 3.15.0, and it is too new: 3.10 to 3.14 are needed: "),
        (["--video", "a.mp4"], "", "fit-avatar: No module named 'tyro': install the packages of requirements.txt"),
    ],
)
def test_a_python_without_any_package_is_told_what_to_do(argv: list[str], version: str, told: str) -> None:
    code = BARE.format(root=str(Path(doctor.__file__).parents[1]), version=version, argv=argv)
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-X", "utf8", "-c", code], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 2 and told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_where_the_default_detector_has_no_wheel_it_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optional.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(optional.platform, "machine", lambda: "x86_64")
    found = examine()
    assert found.usable and "ai-edge-litert" not in [part.name for part in found.needed]
    assert "no wheel of it for Darwin on x86_64, so give --masks, and --keypoints or another --detector" in str(found)


def test_the_command_suits_how_the_program_was_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(optional.sys, "prefix", str(tmp_path))
    assert optional.install("h5py>=3", "xatlas") == "pip install 'h5py>=3' xatlas"
    (tmp_path / "uv-receipt.toml").touch()
    assert optional.install("h5py").startswith("uv pip install --python ")
    (tmp_path / "pipx_metadata.json").touch()
    assert optional.install("h5py") == "pipx inject fit-avatar h5py"
    assert extras(WANTED)[1].remedy == "pipx inject fit-avatar 'no-such-viewer>=1.0' no-such-other==2"


def test_extras_are_those_of_the_package_without_the_developers() -> None:
    smpl, view = extras(WANTED)
    assert (smpl.name, smpl.remedy) == ("smpl", "")
    assert view.remedy == "pip install 'no-such-viewer>=1.0' no-such-other==2"
    assert "watching the fit" in str(view) and "missing: pip install" in str(view)


def test_the_default_body_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "with 13718 vertices" in str(doctor.body()) and not doctor.body().problem
    monkeypatch.setattr(default_body, "FILE", tmp_path / "anny.npz")
    assert "is missing or damaged" in doctor.body().problem and doctor.body().remedy == "install fit-avatar again"


def test_the_graphics_card_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    class Card:
        name, total_memory = "NVIDIA H200", 150e9

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: Card)
    assert doctor.device() == "device: cuda, NVIDIA H200 with 150 GB"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert "cannot use the NVIDIA card" in doctor.device()


def test_a_broken_torch_does_not_break_the_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def fail(name: str, *rest: object) -> object:
        if name == "torch":
            raise OSError("libcudart.so: cannot open")
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", fail)
    assert doctor.device() == "device: unknown, because PyTorch does not load (libcudart.so: cannot open)"


def test_a_source_folder_without_installation_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "requires", nothing)
    found = examine()
    assert not found.usable and "pip install -r requirements.txt ." in str(found)


def test_the_command_says_whether_a_run_is_possible(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Findings(
        ("this computer",), (Part("torch", problem="it is not installed", remedy="pip install torch"),), ()
    )
    monkeypatch.setattr(doctor, "examine", lambda: broken)
    assert cli.main(["doctor"]) == 2
    assert "✗ torch: it is not installed; pip install torch" in capsys.readouterr().out
    well = Findings(("this computer",), (Part("torch", "2.13"),), (Extra("view", "watching", (), "pip install viser"),))
    monkeypatch.setattr(doctor, "examine", lambda: well)
    assert cli.main(["doctor"]) == 0
    assert capsys.readouterr().out.endswith("everything that is needed is installed\n")
    with pytest.raises(SystemExit) as stop:
        cli.main(["doctor", "--nonsense"])
    assert stop.value.code == 2
