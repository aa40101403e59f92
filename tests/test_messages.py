"""What messages and warnings advise can be done: the options that they name exist."""

import ast
import contextlib
import io
import re
from pathlib import Path

import pytest

from fit_avatar import arguments

PACKAGE = Path(arguments.__file__).parent
OPTION = re.compile(r"(?<![\w-])--[A-Za-z][\w.-]*\w")
FOREIGN = {
    "--force-reinstall", "--no-deps", "--python",  # pip's and uv's
    "--model_pose", "--ImageReader.camera_model", "--head",  # OpenPose's, COLMAP's and Ray's
    "--no",  # before the name of a switch
    "--caution",  # a colour of the page
}  # fmt: skip


def known() -> set[str]:
    """Return the options that the helps of the command and its tools list."""
    found = {"--version"}  # which stands alone
    for argv in (["--help"], *([tool, "--help"] for tool in arguments.TOOLS)):
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), pytest.raises(SystemExit):
            arguments.parse(argv) if len(argv) == 1 else arguments.run_tool(argv[0], argv[1:])
        found |= set(OPTION.findall(re.sub(r"\x1b\[[0-9;]*m", "", shown.getvalue())))
    return found


def texts() -> list[tuple[str, str]]:
    """Return every text in the package's code that is no docstring: where, and the text."""
    out = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                out.append((f"{path.relative_to(PACKAGE)}:{node.lineno}", node.value))
    return out


def test_options_that_messages_name_exist() -> None:
    options = known()
    assert {"--video", "--masks", "--force", "--table"} <= options
    named = [(where, option) for where, text in texts() for option in OPTION.findall(text)]
    assert {"--video", "--keypoints", "--out", "--image"} <= {option for _, option in named}
    assert [each for each in named if each[1] not in options | FOREIGN] == []


def test_no_message_blames_what_was_not_given() -> None:
    """Sentences of which users have said that they gave no such thing; ``capture/refusals.py`` writes them now."""
    told = "\n".join(text for _, text in texts())
    for sentence in ("belong together", "give the file as downloaded", "or give better masks", "are both given twice"):
        assert sentence not in told
