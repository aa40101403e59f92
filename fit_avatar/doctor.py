"""``fit-avatar doctor``: which packages are installed, which device is used, and how to install what is missing."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import os
import platform
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from fit_avatar.errors import BadInputError
from fit_avatar.io.optional import detector_remedy, has_detector_wheel, install

MODULES = {"ai-edge-litert": "ai_edge_litert", "opencv-python-headless": "cv2", "usd-core": "pxr"}
"""Names of the modules that differ from those of their packages."""
DEVELOPMENT = ("anny", "dev", "docs")
"""Extras for the development of fit-avatar itself."""
PURPOSES = {
    "smpl": "SMPL-family bodies without texture coordinates, People-Snapshot's files",
    "usd": "avatar.usdz (--export usd)",
    "lod": "levels of detail (--export lods)",
    "evaluate": "distances between surfaces (fit_avatar.evaluate), Avatar.to_open3d",
    "view": "watching the fit in a browser (--view)",
    "app": "making avatars on a page in the browser (fit-avatar app)",
    "ray": "many clips on a cluster (batch --ray)",
    "parquet": "results.parquet (batch)",
    "plot": "figures of solves",
    "trimesh": "Avatar.to_trimesh",
    "detector rtmlib": "keypoints with hands and face (--detector rtmlib)",
    "detector openpose": "keypoints with hands and face (--detector openpose)",
}
PYTHONS = ((3, 10), (3, 14))
"""The oldest and the newest Python for which all packages have wheels."""
IN_A_NEW_ONE = "-m venv .venv && . .venv/bin/activate && pip install -r requirements.txt ."
"""What follows the name of a Python to install everything in a virtual environment, as README has it."""
LITERT = "ai-edge-litert"
RTMLIB = "pip install onnxruntime tqdm && pip install --no-deps rtmlib"
OPENPOSE = "build OpenPose with BUILD_PYTHON=ON and put its folder build/python on PYTHONPATH"
SPECIFIED = re.compile(r"(==|>=|<=|<|>)\s*([\d.]+)")


@dataclass(frozen=True)
class Part:
    """A package or system component, and what is wrong with it."""

    name: str
    version: str = ""
    problem: str = ""
    """Empty if it can be used."""
    remedy: str = ""
    """A command, or instructions in words."""
    wanted: str = ""
    """The requirement that it is to fulfil."""

    def __str__(self) -> str:
        found = " ".join(filter(None, (self.name, self.version)))
        return f"✓ {found}" if not self.problem else f"✗ {found}: {self.problem}; {self.remedy}"


@dataclass(frozen=True)
class Extra:
    """An optional feature and the packages that it needs."""

    name: str
    purpose: str
    parts: tuple[Part, ...]
    remedy: str
    """The command that installs what is missing; empty if nothing is."""

    def __str__(self) -> str:
        state = (
            f"missing: {self.remedy}" if self.remedy else ", ".join(f"{p.name} {p.version}".strip() for p in self.parts)
        )
        return f"{'·' if self.remedy else '✓'} {self.name}, for {self.purpose}\n      {state}"


@dataclass(frozen=True)
class Findings:
    """The result of an examination. ``str`` of it is the text that the command prints."""

    system: tuple[str, ...]
    needed: tuple[Part, ...]
    optional: tuple[Extra, ...]

    @property
    def usable(self) -> bool:
        """Return whether everything that a run needs is installed."""
        return not any(part.problem for part in self.needed)

    def __str__(self) -> str:
        lines = [*self.system, "", "needed", *(f"  {part}" for part in self.needed)]
        lines += ["", "optional", *(f"  {extra}" for extra in self.optional), ""]
        return "\n".join(
            [*lines, "everything that is needed is installed" if self.usable else "something that is needed is missing"]
        )


def examine() -> Findings:
    """Examine this computer and its installed packages; nothing is changed or downloaded."""
    try:
        wanted = requires("fit-avatar") or []
    except PackageNotFoundError:
        missing = Part("fit-avatar", problem="it is not installed", remedy=f"in its folder: python3 {IN_A_NEW_ONE}")
        return Findings(system(), (python(), missing), ())
    always = [requirement for requirement in wanted if "extra ==" not in requirement]
    runnable = has_detector_wheel()
    needed = tuple(needed_part(each) for each in always if runnable or not each.startswith(LITERT))
    optional = (*extras(wanted), *(() if runnable else (no_default_detector(),)), *detectors())
    return Findings((*system(), device()), (python(), *needed, encoder(), body()), optional)


def no_default_detector() -> Extra:
    """Return what is missing where the default detector has no wheel: files of keypoints and masks do instead."""
    return Extra("default detector", f"finding the person; it needs {LITERT}", (), detector_remedy())


def own_version() -> str:
    """Return the version of this program."""
    try:
        return version("fit-avatar")
    except PackageNotFoundError:
        return "(source folder)"


def system() -> tuple[str, ...]:
    """Return the versions of program and Python, and what the computer has."""
    free = shutil.disk_usage(".").free / 1e9
    return (
        f"fit-avatar {own_version()}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        f"{os.cpu_count()} processor cores, {_memory()}{free:.0f} GB of free disk space",
    )


def python() -> Part:
    """Return whether this Python is one for which all packages have wheels."""
    oldest, newest = PYTHONS
    found = platform.python_version()
    if oldest <= sys.version_info[:2] <= newest:
        return Part("Python", found)
    first, last = (".".join(map(str, numbers)) for numbers in PYTHONS)
    age = "old" if sys.version_info[:2] < oldest else "new"
    usable = [f"python3.{minor}" for minor in range(newest[1], oldest[1] - 1, -1)]
    there = next((name for name in usable if shutil.which(name)), None)
    remedy = f"{there} {IN_A_NEW_ONE}" if there else f"uv tool install --python {last} . (uv brings that Python)"
    return Part("Python", found, f"it is too {age}: {first} to {last} are needed", remedy)


def device() -> str:
    """Return which device ``--device auto`` uses, and if it is the CPU, why."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return f"device: unknown, because PyTorch does not load ({error})"
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        return f"device: cuda, {card.name} with {card.total_memory / 1e9:.0f} GB"
    if shutil.which("nvidia-smi"):
        return (
            f"device: cpu; PyTorch {torch.__version__} cannot use the NVIDIA card that is there: update its driver, or "
            "pip install --force-reinstall torch"
        )
    return f"device: cpu (PyTorch {torch.__version__} finds no CUDA graphics card)"


def needed_part(requirement: str) -> Part:
    """Return the state of a package that every run needs, after trying to import it."""
    found = installed(requirement)
    if found.problem:
        return found
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            importlib.import_module(_module(found.name))
    except (ImportError, OSError) as error:
        # Most often another package's files lie over it: opencv-python, which needs libGL, over opencv-python-headless.
        remedy = found.remedy.replace("install", "install --force-reinstall --no-deps", 1)
        return Part(found.name, found.version, f"it does not load ({error})", remedy)
    return found


def installed(requirement: str) -> Part:
    """Return the state of the package in a requirement such as ``numpy<2,>=1.26``, without importing it."""
    specified = requirement.partition(";")[0].strip()
    name = re.split(r"[\s<>=!~\[]", specified)[0]
    remedy = install(specified)
    try:
        found = version(name)
    except PackageNotFoundError:
        return Part(name, problem="it is not installed", remedy=remedy, wanted=specified)
    if not satisfies(found, specified):
        return Part(name, found, f"the version does not fit {specified.removeprefix(name)}", remedy, specified)
    return Part(name, found, remedy=remedy, wanted=specified)


def satisfies(found: str, specified: str) -> bool:
    """Return whether a version fulfils a requirement; suffixes such as rc1 and +cpu are not compared."""
    have = _numbers(found)
    for sign, text in SPECIFIED.findall(specified):
        want = _numbers(text)
        width = max(len(have), len(want))
        ours, theirs = (numbers + (0,) * (width - len(numbers)) for numbers in (have, want))
        fits = {
            "==": ours == theirs,
            ">=": ours >= theirs,
            "<=": ours <= theirs,
            "<": ours < theirs,
            ">": ours > theirs,
        }
        if not fits[sign]:
            return False
    return True


def encoder() -> Part:
    """Return the video encoder that the overlay uses."""
    try:
        import av
    except (ImportError, OSError):
        return Part("H.264 encoder", problem="PyAV does not load", remedy="pip install --force-reinstall av")
    names = [name for name in ("libx264", "libopenh264", "h264") if name in av.codecs_available]
    if names:
        return Part("H.264 encoder", names[0])
    problem = "the installed PyAV has none, so browsers will not play overlay.mp4"
    return Part("H.264 encoder", problem=problem, remedy="pip install --force-reinstall av")


def body() -> Part:
    """Return the default body that comes with the package."""
    try:
        from fit_avatar.body.default_body import read_default
    except (ImportError, OSError):  # reported as a missing package already
        return Part("default body", "unknown until all packages load")
    try:
        vertices = len(read_default().template)
    except BadInputError as error:
        problem, _, remedy = str(error).rpartition(": ")
        return Part("default body", problem=problem, remedy=remedy)
    return Part("default body", f"with {vertices} vertices, comes with fit-avatar")


def extras(wanted: Sequence[str]) -> tuple[Extra, ...]:
    """Return the package's own extras. ``wanted`` are the requirements in its metadata."""
    by_name: dict[str, list[str]] = {}
    for requirement in wanted:
        match = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        if match and match[1] not in DEVELOPMENT:
            by_name.setdefault(match[1], []).append(requirement)
    found = []
    for name, requirements in by_name.items():
        parts = tuple(installed(requirement) for requirement in requirements)
        missing = [part.wanted for part in parts if part.problem]
        remedy = install(*missing) if missing else ""
        found.append(Extra(name, PURPOSES.get(name, "further features"), parts, remedy))
    return tuple(found)


def detectors() -> tuple[Extra, ...]:
    """Return the detectors that a user may have installed."""
    rtmlib = all(importlib.util.find_spec(name) for name in ("rtmlib", "onnxruntime"))
    openpose = any(importlib.util.find_spec(name) for name in ("openpose", "pyopenpose"))
    return tuple(
        Extra(name, PURPOSES[name], (Part("installed"),), "" if there else remedy)
        for name, there, remedy in (("detector rtmlib", rtmlib, RTMLIB), ("detector openpose", openpose, OPENPOSE))
    )


def _module(package: str) -> str:
    return MODULES.get(package, package.replace("-", "_"))


def _numbers(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: 2.13.0+cpu → 2, 13, 0."""
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _memory() -> str:
    """Return the computer's memory in words; empty where the system does not report it."""
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB of memory, "
    except (AttributeError, ValueError, OSError):  # Windows
        return ""
