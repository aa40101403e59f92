"""Kept results: what is redone after a change, what survives damage and interruption."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture, LeftOut
from fit_avatar.errors import BadInputError
from fit_avatar.io import store
from fit_avatar.io.arrays import read_npz, write_npz
from fit_avatar.io.store import Store

CLASSES = (BodyState, Camera, Capture, LeftOut)


def kept_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.name != "CACHEDIR.TAG")


def chain(folder: Path, size: int = 1, colour: str = "red", fresh: bool = False) -> list[str]:
    """Run a → b(size) → c, and d(colour) on its own; return the stages that had to be computed."""
    kept = Store(folder, fresh)
    ran: list[str] = []

    def computing(name: str) -> Callable[[], str]:
        return lambda: ran.append(name) or name

    a = kept.run("a", {}, computing("a"))
    b = kept.run("b", {"before": a.key, "size": size}, computing("b"))
    kept.run("c", {"before": b.key}, computing("c"))
    kept.run("d", {"before": a.key, "colour": colour}, computing("d"))
    return ran


def test_a_second_run_computes_nothing(tmp_path: Path) -> None:
    assert chain(tmp_path) == ["a", "b", "c", "d"]
    assert chain(tmp_path) == []


def test_a_changed_option_redoes_what_depends_on_it_and_nothing_else(tmp_path: Path) -> None:
    chain(tmp_path)
    assert chain(tmp_path, size=2) == ["b", "c"]
    assert chain(tmp_path, size=2, colour="blue") == ["d"]


def test_fresh_redoes_everything_and_keeps_it(tmp_path: Path) -> None:
    chain(tmp_path)
    assert chain(tmp_path, fresh=True) == ["a", "b", "c", "d"]
    assert chain(tmp_path) == []


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", None])
def test_a_damaged_result_is_computed_again(
    tmp_path: Path, damage: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    chain(tmp_path)
    file = tmp_path / "b.npz"
    file.write_bytes(file.read_bytes()[:-40] if damage is None else damage)
    assert chain(tmp_path) == ["b"]
    assert "b.npz cannot be read" in caplog.text
    assert chain(tmp_path) == []


def test_a_damaged_array_is_noticed(tmp_path: Path) -> None:
    values = np.arange(1000)
    Store(tmp_path).run("x", {}, lambda: values)
    file = tmp_path / "x.npz"
    broken = bytearray(file.read_bytes())
    broken[200] ^= 0xFF
    file.write_bytes(bytes(broken))
    again = Store(tmp_path).run("x", {}, lambda: values)
    assert not again.cached
    np.testing.assert_array_equal(again.value, values)


def test_a_stage_that_does_not_finish_keeps_nothing(tmp_path: Path) -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    own = Store(tmp_path / "cache")
    with pytest.raises(KeyboardInterrupt):
        own.run("a", {}, interrupted)
    assert not (tmp_path / "cache").exists()
    assert own.run("a", {}, lambda: "done").value == "done"


def test_an_interrupted_write_leaves_the_old_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(tmp_path).run("a", {"size": 1}, lambda: "old")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_npz", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Store(tmp_path).run("a", {"size": 2}, lambda: "new")
    assert kept_in(tmp_path) == ["a.npz"]
    assert Store(tmp_path).run("a", {"size": 1}, lambda: "again").value == "old"


def test_a_full_disk_is_one_sentence_and_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.lib.format.write_array", full)
    with pytest.raises(BadInputError, match="the disk is full"):
        Store(tmp_path).run("a", {}, lambda: "x")
    assert kept_in(tmp_path) == []


def test_seconds_are_those_of_the_run_that_computed(tmp_path: Path) -> None:
    first = Store(tmp_path).run("a", {}, lambda: sum(range(100_000)))
    second = Store(tmp_path).run("a", {}, lambda: 0)
    assert second.cached and not first.cached
    assert second.seconds == first.seconds > 0


def test_names_with_signs_are_files(tmp_path: Path) -> None:
    Store(tmp_path).run("consensus shape 1/3", {}, lambda: 1)
    assert kept_in(tmp_path) == ["consensus-shape-1-3.npz"]


def test_values_come_back_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    capture = Capture(
        frame_indices=np.array([0, 3]),
        keypoints=rng.random((2, 25, 3), np.float32),
        masks=rng.random((2, 5, 7)) > 0.5,
        camera=Camera(10.0, 10.0, 3.5, 2.5, 7, 5, k=(0.1, 0.0, 0.0, 0.0, 0.0)),
        frame_weights=np.ones(2, np.float32),
        left_out=(LeftOut(1, "blurred"),),
        warnings=("a", "b"),
        sources={"masks": "given", "share": 0.5, "list": [1, None]},
    )
    state = BodyState(torch.ones(10), torch.rand(4, 3), torch.rand(2, 3), torch.rand(2, 23, 3), torch.rand(2, 3))
    Store(tmp_path, classes=CLASSES).run("x", {}, lambda: (capture, state))
    kept = Store(tmp_path, classes=CLASSES).run("x", {}, lambda: None)
    assert kept.cached
    capture_again, state_again = kept.value
    for name, value in vars(capture).items():
        again = getattr(capture_again, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(again, value)
            assert again.dtype == value.dtype
        else:
            assert again == value
    for name, value in vars(state).items():
        torch.testing.assert_close(getattr(state_again, name), value, rtol=0, atol=0)


def test_masks_take_one_bit_a_pixel(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).random((8, 100, 100)) > 0.5
    Store(tmp_path).run("masks", {}, lambda: masks)
    assert (tmp_path / "masks.npz").stat().st_size < masks.size / 8 * 1.1


def rewritten(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the arrays of a kept result, as somebody who knows the layout of the file does."""
    arrays = read_npz(file)
    arrays.pop("checksum")
    change(arrays)
    write_npz(file, arrays | {"checksum": np.array(store._checksum(arrays))})


@pytest.mark.parametrize(
    "forged",
    [
        "subprocess:Popen", "fit_avatar.io.store:os", "fit_avatar.cli:main", "fit_avatar.__main__:x",
        "fit_avatar.capture.types:Capture", "antigravity:x", "",
    ],
)  # fmt: skip
def test_only_listed_dataclasses_are_built_and_nothing_is_imported(
    tmp_path: Path, forged: str, caplog: pytest.LogCaptureFixture
) -> None:
    Store(tmp_path, classes=[LeftOut]).run("x", {}, lambda: LeftOut(1, "y"))

    def forge(arrays: dict[str, Any]) -> None:
        manifest = json.loads(arrays["manifest"].tobytes())
        manifest["value"] = {"kind": forged, "args": ["false"]}
        arrays["manifest"] = np.frombuffer(json.dumps(manifest).encode(), np.uint8)

    rewritten(tmp_path / "x.npz", forge)
    before = set(sys.modules)
    again = Store(tmp_path, classes=[LeftOut]).run("x", {}, lambda: 1)
    assert not again.cached and again.value == 1
    assert set(sys.modules) == before
    assert f"it names {forged!r}, which no kept result holds" in caplog.text


def test_a_class_that_is_not_listed_cannot_be_kept(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="x cannot be kept: the value is a LeftOut"):
        Store(tmp_path).run("x", {}, lambda: LeftOut(1, "y"))


@pytest.mark.parametrize("poison", [np.full((3, 4), np.nan), np.zeros((5, 0)), np.array(["a"]), np.array(1)])
def test_a_result_that_was_edited_is_computed_again(
    tmp_path: Path, poison: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    values = np.ones((3, 4))
    Store(tmp_path).run("x", {}, lambda: values)
    with np.load(tmp_path / "x.npz") as kept:
        arrays = {name: kept[name] for name in kept.files}
    np.savez(tmp_path / "x.npz", **{**arrays, "array0": poison})
    again = Store(tmp_path).run("x", {}, lambda: values)
    assert not again.cached
    np.testing.assert_array_equal(again.value, values)
    assert "it was changed since it was written" in caplog.text


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    Store(folder).check_folder()
    (folder / "texture.npz").write_bytes(b"theirs")
    with pytest.raises(BadInputError, match="is for kept results but holds other files"):
        Store(folder).check_folder()
    Store(folder).check_folder(force=True)
    own = tmp_path / "own"
    Store(own).run("x", {}, lambda: 1)
    Store(own).check_folder()
    (tmp_path / "file").touch()
    with pytest.raises(BadInputError, match="there is a file of that name"):
        Store(tmp_path / "file").check_folder()


def test_what_cannot_be_kept_is_told(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="x cannot be kept: the value is a set"):
        Store(tmp_path).run("x", {}, lambda: {1, 2})
    assert list(tmp_path.iterdir()) == []


def write_two(folder: Path) -> Callable[[], list[Path]]:
    def write() -> list[Path]:
        files = [folder / "one.txt", folder / "two.txt"]
        for file in files:
            file.write_text(file.stem)
        return files

    return write


def test_written_files_are_kept_while_they_are_untouched(tmp_path: Path) -> None:
    def run(**depends_on: Any) -> bool:
        return Store(tmp_path / "cache").run_files("files", depends_on, write_two(tmp_path)).cached

    assert not run()
    assert run()
    (tmp_path / "one.txt").unlink()
    assert not run()
    (tmp_path / "two.txt").write_text("edited by hand")
    assert not run()
    assert (tmp_path / "two.txt").read_text() == "two"
    assert not run(size=2)
    (tmp_path / "cache" / "files.json").write_text("{")
    assert not run(size=2)
    assert run(size=2)


def test_files_of_other_options_are_told(tmp_path: Path) -> None:
    store, file = Store(tmp_path / "cache"), tmp_path / "avatar.vrm"

    def write() -> list[Path]:
        file.write_text("a")
        return [file]

    assert store.left_over("vrm file", {"size": 1}) == ()
    store.run_files("vrm file", {"size": 1}, write)
    assert store.left_over("vrm file", {"size": 1}) == ()
    assert store.left_over("vrm file", {"size": 2}) == (file,)
    file.unlink()
    assert store.left_over("vrm file", {"size": 2}) == ()
    (tmp_path / "cache" / "vrm-file.json").write_text("{")
    assert store.left_over("vrm file", {"size": 2}) == ()


def test_the_results_folder_may_be_moved(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    Store(before / "cache").run_files("files", {}, write_two(before))
    before.rename(after)
    kept = Store(after / "cache").run_files("files", {}, write_two(after))
    assert kept.cached
    assert kept.value == (after / "one.txt", after / "two.txt")
