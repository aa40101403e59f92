"""The pages' Python: every block can be read, and every name that is imported is there."""

import ast
import importlib
import re
import shlex
from functools import partial
from pathlib import Path

import pytest

from fit_avatar import arguments
from fit_avatar.arguments import TOOLS, parse, run_tool
from fit_avatar.errors import BadInputError, UsageError

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
CASES = [(page, code) for page in PAGES for code in BLOCK.findall(page.read_text()) if "--8<--" not in code]

SHELL = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(fit-avatar [^`]+)`")
COMMANDS = sorted(
    {line.partition(" #")[0].strip() for page in PAGES for block in SHELL.findall(page.read_text())
     for line in re.findall(r"(?:^|&& )(fit-avatar .*)$", block, re.MULTILINE)}
    | {line.replace("\\|", "|") for line in INLINE.findall((ROOT / "docs" / "which-option.md").read_text())}
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_pages_are_understood(command, monkeypatch):
    _, *words = shlex.split(command.partition(" > ")[0])
    if words[0] not in TOOLS:
        assert "--help" in words or parse(words)
        return
    monkeypatch.setattr(arguments, "_understood", partial(not_started, arguments._understood))
    try:
        run_tool(words[0], words[1:])
    except UsageError:
        raise
    except BadInputError:  # files that are not there
        pass


def not_started(understood, *given):
    """Return True in place of a page or a batch that would begin, once its options are understood."""
    found = understood(*given)
    return True if callable(found) else found


@pytest.mark.parametrize(("page", "code"), CASES, ids=lambda value: getattr(value, "stem", None))
def test_code_can_be_read_and_imports_exist(page, code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fit_avatar"):
            module = importlib.import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_included_files_and_pictures_exist():
    for page in PAGES:
        text = page.read_text()
        for file in re.findall(r'--8<-- "([^":]+)', text):
            assert (ROOT / file).is_file(), f"{page} includes {file}"
        for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
            assert (page.parent / picture).is_file(), f"{page} shows {picture}"
            assert (page.parent / picture).stat().st_size < 200_000, f"{picture} is large"
