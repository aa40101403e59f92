"""Which dependencies have wheels for which Python and system, as uv resolves them: the table of docs/platforms.md.

python tools/wheels.py           # print the table; a minute or more, and nothing is installed
python tools/wheels.py --write   # and put it into docs/platforms.md

It needs Python 3.11 or newer, uv, and a connection to the package index.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tomllib

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "platforms.md"
START, END = "<!-- wheels -->", "<!-- /wheels -->"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_28",
    "macOS 14, arm64": "aarch64-apple-darwin",
    "macOS 14, x86-64": "x86_64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
"""Names of systems, and uv's."""


def main() -> None:
    """Print the table, and write it on request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/platforms.md")
    write = parser.parse_args().write
    table = make_table(requirements(), pins())
    print(table)
    if write:
        text = PAGE.read_text(encoding="utf-8")
        before, after = text.partition(START)[0], text.partition(END)[2]
        PAGE.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")


def requirements() -> list[str]:
    """Return what ``pip install .`` asks for, whatever the system."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [str(requirement).partition(";")[0].strip() for requirement in project["dependencies"]]


def pins() -> list[str]:
    """Return the lines of requirements.txt, with their conditions."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for each in lines if (line := each.partition("#")[0].strip())]


def make_table(wanted: list[str], pinned: list[str]) -> str:
    """Return a table in Markdown: for each package and system, the Pythons that have a wheel."""
    cells = [(system, python) for system in SYSTEMS for python in PYTHONS]
    with ThreadPoolExecutor(6) as pool:
        missing = dict(zip(cells, pool.map(lambda cell: without_wheels(wanted, *cell), cells), strict=True))
        unpinned = dict(zip(cells, pool.map(lambda cell: without_wheels(pinned, *cell), cells), strict=True))
    rows = [f"| package | {' | '.join(SYSTEMS)} |", f"|---|{'---|' * len(SYSTEMS)}"]
    for each in wanted:
        spans = (span([python for python in PYTHONS if each not in missing[system, python]]) for system in SYSTEMS)
        rows.append(f"| {name_of(each)} | {' | '.join(spans)} |")
    lacking = [
        f"{pin.partition(';')[0].strip()} ({system}: {span(pythons)})"
        for pin in pinned
        for system in SYSTEMS
        if (pythons := [python for python in PYTHONS if pin in unpinned[system, python]])
    ]
    return "\n".join([*rows, "", f"Lines of `requirements.txt` without a wheel: {'; '.join(lacking) or 'none'}."])


def without_wheels(wanted: list[str], system: str, python: str) -> list[str]:
    """Return the requirements without a wheel; they are asked for one by one only if not all have one."""
    if has_wheels(wanted, system, python):
        return []
    return [each for each in wanted if not has_wheels([each], system, python)]


def has_wheels(wanted: list[str], system: str, python: str) -> bool:
    """Return whether uv finds a wheel for all of the requirements.

    Raises:
        SystemExit: uv is not there, or the package index cannot be reached.
    """
    command = ["uv", "pip", "compile", "-", "--quiet", "--no-deps", "--only-binary=:all:",
               f"--python-version={python}", f"--python-platform={SYSTEMS[system]}"]  # fmt: skip
    environment = os.environ | {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
    done = subprocess.run(
        command, input="\n".join(wanted), capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode and "No solution found" not in done.stderr:
        raise SystemExit(f"uv cannot be asked: {done.stderr.strip()[-300:]}")
    return done.returncode == 0


def name_of(requirement: str) -> str:
    """Return the package's name of ``numpy>=1.26,<3``."""
    return re.split(r"[\s<>=!~\[;]", requirement)[0]


def span(pythons: list[str]) -> str:
    """Return "3.10–3.14", or what it is otherwise."""
    if not pythons:
        return "none"
    whole = pythons == list(PYTHONS[PYTHONS.index(pythons[0]) : PYTHONS.index(pythons[-1]) + 1])
    return f"{pythons[0]}–{pythons[-1]}" if whole and len(pythons) > 1 else ", ".join(pythons)


if __name__ == "__main__":
    main()
