"""The project's own files say the same: versions of tools and packages, Pythons, and paths that the texts name."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from fit_avatar.app.options import AppOptions

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # which pytest needs there, too

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = sorted({python for line in PROJECT["classifiers"] for python in re.findall(r"Python :: (3\.\d+)$", line)})


def text(name):
    return (ROOT / name).read_text()


def pins(name):
    """Return the versions that a file of requirements pins: one, or one for older and one for newer Pythons."""
    found = {}
    for package, version in re.findall(r"^([\w-]+)==([^\s;]+)", text(name), re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


@pytest.mark.parametrize(
    ("file", "ranges"),
    [
        ("requirements.txt", PROJECT["dependencies"]),
        ("requirements-dev.txt", PROJECT["optional-dependencies"]["dev"]),
        ("requirements-docs.txt", PROJECT["optional-dependencies"]["docs"]),
    ],
)
def test_pinned_versions_lie_in_the_ranges_of_pyproject(file, ranges):
    pinned = pins(file)
    for requirement in map(Requirement, ranges):
        assert all(map(requirement.specifier.contains, pinned[requirement.name])), requirement
    if file != "requirements.txt":  # which also pins what the dependencies bring
        assert set(pinned) == {Requirement(each).name for each in ranges}


def test_a_package_is_pinned_to_one_version():
    every = [pins(f"requirements{name}.txt") for name in ("", "-dev", "-docs")]
    for name in {name for pinned in every for name in pinned}:
        assert len({frozenset(pinned[name]) for pinned in every if name in pinned}) == 1, name


def test_hooks_have_the_versions_that_are_tested():
    found = re.findall(r"\b(ruff|mypy)==([\d.]+)", text(".pre-commit-config.yaml"))
    assert set(found) == {(name, *pins("requirements-dev.txt")[name]) for name in ("ruff", "mypy")}


def test_hosted_ci_only_calls_the_ci_script_with_every_python():
    workflow = text(".github/workflows/ci.yml")
    assert re.findall(r"run: (.*)", workflow) == [".ci/run"]
    assert re.findall(r'"(3\.\d+)"', workflow) == PYTHONS
    assert PROJECT["requires-python"] == f">={PYTHONS[0]},<3.{int(PYTHONS[-1].split('.')[1]) + 1}"


def test_citation_and_changelog_are_of_this_version():
    version = PROJECT["version"]
    assert f"\nversion: {version}\n" in text("CITATION.cff")
    assert re.search(rf"^## \[{re.escape(version)}\] - ", text("CHANGELOG.md"), re.MULTILINE)
    assert "## [Unreleased]" in text("CHANGELOG.md")


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "README.md"])
def test_paths_in_the_texts_exist(page):
    named = re.findall(r"`((?:benchmarks|docs|examples|fit_avatar|tests|assets)/[\w./-]*)`", text(page))
    links = re.findall(r"\]\((?!https?:|#)([^)]+)\)", text(page))
    assert [path for path in (*named, *links) if not (ROOT / path).exists()] == []


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="Linux tells which libraries are loaded")
def test_no_library_of_a_display_is_loaded_from_the_system() -> None:
    script = (
        "import av, cv2, scipy.sparse.linalg, torch, ai_edge_litert.interpreter\n"
        "print({line.split()[-1] for line in open('/proc/self/maps') if '.so' in line})"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = [path for path in re.findall(r"'([^']+)'", told.stdout) if "site-packages" not in path]
    assert loaded, "nothing was seen"
    assert [path for path in loaded if re.search(r"/lib(GL|EGL|X11|xcb|Xau|wayland)[.-]", path)] == []


def test_the_image_is_made_of_files_that_are_there_and_let_in():
    dockerfile, let_in = text("Dockerfile"), set(re.findall(r"^!(\S+)$", text(".dockerignore"), re.MULTILINE))
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE) for name in line.split()[:-1]
    }
    assert copied == let_in and all((ROOT / name).exists() for name in copied)
    named = {PROJECT["readme"], *(name for name in PROJECT["license-files"] if "/" not in name), "pyproject.toml"}
    assert named <= copied


def test_the_image_serves_the_page_without_rights_and_looks_where_it_is():
    dockerfile = text("Dockerfile")
    assert re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE) == ["10001"]
    assert set(re.findall(r"(?:EXPOSE |127\.0\.0\.1:)(\d+)", dockerfile)) == {str(AppOptions().port)}
    assert re.search(r"^ARG PYTHON=(\S+)$", dockerfile, re.MULTILINE)[1] in PYTHONS
    assert set(re.search(r"^ARG EXTRAS=(\S+)$", dockerfile, re.MULTILINE)[1].split(",")) <= set(
        PROJECT["optional-dependencies"]
    )
    assert not re.search(r"(?i)secret|token|password", dockerfile)
