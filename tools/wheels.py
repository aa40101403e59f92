"""Which dependencies have wheels for which Python and system, as pip finds them: writes the table of docs/platforms.md.

python tools/wheels.py           # print the table; a few minutes, and nothing is installed
python tools/wheels.py --write   # and put it into docs/platforms.md

It needs Python 3.11 or newer, pip, the package packaging, and a connection to the package index.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tomllib
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "platforms.md"
START, END = "<!-- wheels -->", "<!-- /wheels -->"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
LINUX = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_26", "manylinux_2_24", "manylinux_2_17", "manylinux2014")
PLATFORMS = {
    "Linux x86-64": tuple(f"{tag}_x86_64" for tag in LINUX),
    "Linux aarch64": tuple(f"{tag}_aarch64" for tag in LINUX),
    "macOS arm64": ("macosx_14_0_arm64",),
    "macOS x86-64": ("macosx_14_0_x86_64",),
    "Windows x86-64": ("win_amd64",),
}
"""Names of systems, and pip's tags of what they run: glibc 2.28 (2018) and macOS 14 or newer."""


def main() -> None:
    """Print the table, and write it on request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/platforms.md")
    table = make_table(requirements(), pins())
    print(table)
    if parser.parse_args().write:
        text = PAGE.read_text(encoding="utf-8")
        before, after = text.partition(START)[0], text.partition(END)[2]
        PAGE.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")


def requirements() -> list[str]:
    """Return what ``pip install .`` asks for, whatever the system."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [str(requirement).partition(";")[0].strip() for requirement in project["dependencies"]]


def pins() -> list[tuple[str, str]]:
    """Return the lines of requirements.txt: requirement and condition."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    split = (line.partition("#")[0].partition(";") for line in lines)
    return [(name.strip(), condition.strip()) for name, _, condition in split if name.strip()]


def make_table(wanted: list[str], pinned: list[tuple[str, str]]) -> str:
    """Return a table in Markdown: for each package and system, the Pythons that have a wheel."""
    packages = sorted({name_of(each) for each in [*wanted, *(pin for pin, _ in pinned)]})
    asked = [(name, system, python) for name in packages for system in PLATFORMS for python in PYTHONS]
    with ThreadPoolExecutor(6) as pool:
        answers = dict(zip(asked, pool.map(lambda each: versions(*each), asked), strict=True))

    def have(requirement: str, system: str, python: str) -> bool:
        parsed = Requirement(requirement)
        return any(parsed.specifier.contains(version) for version in answers[parsed.name, system, python])

    rows = [f"| package | {' | '.join(PLATFORMS)} |", f"|---|{'---|' * len(PLATFORMS)}"]
    for each in wanted:
        cells = (span([python for python in PYTHONS if have(each, system, python)]) for system in PLATFORMS)
        rows.append(f"| {name_of(each)} | {' | '.join(cells)} |")
    lacking = [
        f"{pin} ({system}, {span(without)})"
        for system in PLATFORMS
        for pin, condition in pinned
        if (without := [python for python in PYTHONS if applies(condition, python) and not have(pin, system, python)])
    ]
    told = "; ".join(lacking) or "none"
    return "\n".join([*rows, "", f"Versions in `requirements.txt` without a wheel: {told}."])


def versions(name: str, system: str, python: str) -> list[str]:
    """Return the versions of a package of which pip finds a wheel."""
    options = [f"--python-version={python}", *(f"--platform={tag}" for tag in PLATFORMS[system])]
    command = [sys.executable, "-m", "pip", "index", "versions", name, "--only-binary=:all:", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Available versions: (.*)", done.stdout)
    if found is None and "No matching distribution" not in done.stderr:
        raise SystemExit(f"pip cannot be asked for {name}: {done.stderr.strip()[-300:]}")
    return [] if found is None else found[1].split(", ")


def applies(condition: str, python: str) -> bool:
    """Return whether a line of requirements.txt is for this Python; conditions on the system are left to pip."""
    match = re.search(r"python_version\s*(<|>=)\s*\"([\d.]+)\"", condition)
    if match is None:
        return True
    ours, theirs = (tuple(map(int, version.split("."))) for version in (python, match[2]))
    return ours < theirs if match[1] == "<" else ours >= theirs


def name_of(requirement: str) -> str:
    """Return the package's name of ``numpy>=1.26,<3``."""
    return re.split(r"[\s<>=!~\[]", requirement)[0]


def span(pythons: list[str]) -> str:
    """Return "3.10–3.14", or what it is otherwise."""
    if not pythons:
        return "none"
    whole = pythons == list(PYTHONS[PYTHONS.index(pythons[0]) : PYTHONS.index(pythons[-1]) + 1])
    return f"{pythons[0]}–{pythons[-1]}" if whole and len(pythons) > 1 else ", ".join(pythons)


if __name__ == "__main__":
    main()
