"""What a kept result depends on: contents count, and the code that computes it."""

import ast
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from fit_avatar.capture.types import Camera
from fit_avatar.energies import Term, shape_prior
from fit_avatar.fitting import Solve
from fit_avatar.io import fingerprint
from fit_avatar.io.fingerprint import code_identity, digest, file_identity


def test_identity_sees_what_changed(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(b"x" * 300_000)
    os.utime(file, (1, 1))
    first = file_identity(file)
    assert first == file_identity(file)
    file.write_bytes(b"x" * 299_999 + b"y")  # same size, same time, other end
    os.utime(file, (1, 1))
    assert file_identity(file) != first
    folder = file_identity(tmp_path)
    (tmp_path / "000001.png").write_bytes(b"1")
    assert file_identity(tmp_path) != folder


def test_digest_does_not_depend_on_the_order_of_options() -> None:
    camera = Camera(1.0, 1.0, 0.5, 0.5, 1, 1)
    assert digest({"a": 1, "b": camera}) == digest({"b": camera, "a": 1})
    assert digest(np.zeros(3)) != digest(np.ones(3))
    with pytest.raises(TypeError, match="cannot depend on a object"):
        digest(object())


def test_tensors_count_by_their_content() -> None:
    many = torch.zeros(10_000)
    other = many.clone()
    other[5000] = 1e-7  # what a text would leave out
    terms = [Solve("one", (Term(shape_prior, data={"weights": each}),)) for each in (many, many.clone(), other)]
    assert digest(terms[0]) == digest(terms[1]) != digest(terms[2])


def test_no_import_is_overlooked() -> None:
    files = list(fingerprint.ROOT.rglob("*.py"))
    assert len(files) > 300
    for file in files[::7]:
        nodes = [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, (ast.Import, ast.ImportFrom))]
        found = fingerprint._import_statements(file.read_text())
        assert sorted(map(ast.dump, nodes)) == sorted(map(ast.dump, found)), file


@dataclass(frozen=True)
class Mine:
    name: str = "mine"


def test_functions_and_classes_of_ones_own_count_by_their_source(tmp_path: Path, monkeypatch) -> None:
    def scaled(factor: float):
        return lambda x: factor * x.betas

    assert digest(scaled(1.0)) == digest(scaled(1.0)) != digest(scaled(2.0))
    before = digest(Mine())
    monkeypatch.setattr(fingerprint, "_sha", lambda file: "edited")
    assert digest(Mine()) != before


def test_code_is_that_of_all_that_is_imported(monkeypatch) -> None:
    """A stage depends on modules that its own module does not import itself, and on other packages' versions."""
    files = {str(file.relative_to(fingerprint.ROOT)): file for file in fingerprint.ROOT.rglob("*.py")}
    code_identity.cache_clear()
    before = code_identity("fit_avatar.report.metrics")
    assert before == code_identity("fit_avatar.report.metrics") != code_identity("fit_avatar.capture.source")
    for changed in ("evaluate/image.py", "body/skinning.py", "report/metrics.py"):
        true = fingerprint._sha
        monkeypatch.setattr(
            fingerprint, "_sha", lambda file, changed=changed, true=true: "x" if file == files[changed] else true(file)
        )
        code_identity.cache_clear()
        assert code_identity("fit_avatar.report.metrics") != before, changed
        monkeypatch.setattr(fingerprint, "_sha", true)
    code_identity.cache_clear()
    monkeypatch.setattr(fingerprint.importlib.metadata, "version", lambda name: "0")
    assert code_identity("fit_avatar.report.metrics") != before
    code_identity.cache_clear()


def test_code_depends_on_the_versions_of_the_packages_that_it_imports(monkeypatch) -> None:
    true = fingerprint.importlib.metadata.version
    code_identity.cache_clear()
    before = code_identity("fit_avatar.body.landmarks")
    code_identity.cache_clear()
    monkeypatch.setattr(
        fingerprint.importlib.metadata, "version", lambda name: "0" if name.lower() == "scipy" else true(name)
    )
    assert code_identity("fit_avatar.body.landmarks") != before
    code_identity.cache_clear()
