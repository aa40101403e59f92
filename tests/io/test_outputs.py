"""Nothing of the user's is written over: the program replaces what it wrote itself, and asks for --force otherwise."""

import json
import os
from pathlib import Path

import pytest

from fit_avatar.errors import BadInputError
from fit_avatar.io.atomic import atomic_folder
from fit_avatar.io.outputs import LIST, Outputs, refuse_existing


def write(folder: Path, text: str = "ours", force: bool = False, names: tuple[str, ...] = ("avatar.png",)) -> None:
    targets = [folder / name for name in names]
    with Outputs(folder, force).writing(targets):
        folder.mkdir(exist_ok=True)
        for target in targets:
            target.write_text(text)


def write_frames(folder: Path, count: int) -> None:
    with Outputs(folder).writing([folder / "frames"]), atomic_folder(folder / "frames") as frames:
        for k in range(count):
            (frames / f"{k}.obj").write_text("ours")


def test_own_files_are_replaced(tmp_path: Path) -> None:
    write(tmp_path / "out")
    write(tmp_path / "out", "ours again")
    write(tmp_path / "out", names=("avatar.png", "report.html"))
    assert set(json.loads((tmp_path / "out" / LIST).read_text())["files"]) == {"avatar.png", "report.html"}


def test_own_files_are_known_after_the_folder_was_moved(tmp_path: Path) -> None:
    write(tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "moved")
    write(tmp_path / "moved")


def test_a_foreign_file_is_kept_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "avatar.png").write_text("theirs")
    with pytest.raises(
        BadInputError, match=r"avatar\.png was not written by fit-avatar, or was changed since: .*--force"
    ):
        write(tmp_path)
    assert (tmp_path / "avatar.png").read_text() == "theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["avatar.png"]
    write(tmp_path, force=True)
    assert (tmp_path / "avatar.png").read_text() == "ours"


def test_a_file_that_the_user_changed_is_kept(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "avatar.png").write_text("retouched")
    with pytest.raises(BadInputError, match="changed since"):
        write(tmp_path)
    assert (tmp_path / "avatar.png").read_text() == "retouched"


def test_a_link_is_not_the_programs(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "avatar.png").rename(tmp_path / "elsewhere.png")
    (tmp_path / "avatar.png").symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(BadInputError, match="was not written"):
        write(tmp_path)


def test_a_folder_is_replaced_if_all_in_it_is_ours(tmp_path: Path) -> None:
    write_frames(tmp_path, 4)
    write_frames(tmp_path, 2)
    assert len(list((tmp_path / "frames").iterdir())) == 2
    assert len(json.loads((tmp_path / LIST).read_text())["files"]) == 2
    (tmp_path / "frames" / "holiday.jpg").write_text("theirs")
    with pytest.raises(BadInputError, match="frames was not written by fit-avatar"):
        write_frames(tmp_path, 2)
    assert (tmp_path / "frames" / "holiday.jpg").exists()


def test_a_run_that_was_killed_while_it_wrote_goes_on(tmp_path: Path) -> None:
    writing = Outputs(tmp_path).writing([tmp_path / "avatar.png"])
    writing.__enter__()
    (tmp_path / "avatar.png").write_text("half of the files")
    write(tmp_path)
    assert (tmp_path / "avatar.png").read_text() == "ours"


@pytest.mark.parametrize("force", [False, True])
def test_an_input_is_never_written_over(tmp_path: Path, force: bool) -> None:
    write(tmp_path, names=("overlay.mp4",))
    with pytest.raises(BadInputError, match="is an input of this run"):
        Outputs(tmp_path, force).refuse_foreign([tmp_path / "overlay.mp4"], [tmp_path / "overlay.mp4"])
    (tmp_path / "frames").mkdir()
    with pytest.raises(BadInputError, match="is an input of this run"):
        Outputs(tmp_path, force).refuse_foreign([tmp_path / "frames"], [tmp_path / "frames" / "masks"])


def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "avatar.png").mkdir()
    (tmp_path / "frames").touch()
    for name in ("avatar.png", "frames"):
        with pytest.raises(BadInputError, match="move it away"):
            Outputs(tmp_path, force=True).refuse_foreign([tmp_path / name])


@pytest.mark.parametrize("content", ["", "[]", "{", '{"files": {}}', "\xff", "[" * 100_000])
def test_a_list_of_another_program_is_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / LIST).write_text(content, encoding="latin-1")
    with pytest.raises(BadInputError, match="was not written by fit-avatar"):
        write(tmp_path)
    assert (tmp_path / LIST).read_text(encoding="latin-1") == content


def test_a_single_file_is_written_where_there_is_none(tmp_path: Path) -> None:
    source, target = tmp_path / "old.pkl", tmp_path / "new.npz"
    source.touch()
    refuse_existing(target, [source], force=False)
    target.touch()
    with pytest.raises(BadInputError, match=r"is there already: .* --force"):
        refuse_existing(target, [source], force=False)
    refuse_existing(target, [source], force=True)
    os.link(source, tmp_path / "same.pkl")
    for same in (source, tmp_path / "." / "old.pkl", tmp_path / "same.pkl"):
        with pytest.raises(BadInputError, match="is the file that is read"):
            refuse_existing(same, [source], force=True)
    with pytest.raises(BadInputError, match="is a folder"):
        refuse_existing(tmp_path, [source], force=True)
