"""Which clips a folder, a list or a table has, and with which options."""

from functools import partial
from pathlib import Path

import pytest

from fit_avatar import arguments
from fit_avatar.batch.manifest import Clip, read_clips
from fit_avatar.config import Config
from fit_avatar.errors import BadInputError

COMMON = Config(texture_size=512, focal_35mm=26.0)


def read(path: Path, common: Config = COMMON) -> tuple[Clip, ...]:
    return read_clips(path, common, partial(arguments._over, common))


def test_a_folder_has_its_videos_and_its_folders_of_pictures(tmp_path: Path) -> None:
    for name in ("b.mp4", "A.MOV", "notes.txt", ".hidden.mp4"):
        (tmp_path / name).touch()
    for name, file in (("pictures", "0.png"), ("others", "0.txt")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
    found = read(tmp_path)
    assert [clip.name for clip in found] == ["A", "b", "pictures"]
    assert found[1].config == Config(video=tmp_path / "b.mp4", texture_size=512, focal_35mm=26.0)


def test_a_list_has_one_clip_a_line_relative_to_it(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("\ufeffone.mp4\n\n# not this one\n/elsewhere/two.mp4\r\n", encoding="utf-8")
    assert [clip.config.video for clip in read(file)] == [tmp_path / "one.mp4", Path("/elsewhere/two.mp4")]


def test_a_table_gives_each_clip_options_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    (tmp_path / "mine.json").touch()
    file.write_text(
        "Name,video,height,camera,person,--texture-size,export,blendshapes,delight,preset\n"
        "anna,a.mp4,1.68,cams/a.json,2,256,bvh; usd,no,yes,mine.json\n"
        ",b.mp4,,,,,,,,motion\n"
    )
    anna, b = read(file)
    assert anna == Clip(
        "anna",
        Config(
            tmp_path / "a.mp4", height_m=1.68, camera=tmp_path / "cams/a.json", person="2", texture_size=256,
            export=("bvh", "usd"), blendshapes=False, delight=True, focal_35mm=26.0,
            preset=str(tmp_path / "mine.json"),
        ),
    )  # fmt: skip
    assert b == Clip("b", Config(tmp_path / "b.mp4", texture_size=512, focal_35mm=26.0, preset="motion"))


@pytest.mark.parametrize("switched", [False, True])
@pytest.mark.parametrize(("cell", "given"), [("yes", True), ("no", False)])
def test_a_switch_of_a_table_goes_before_that_of_the_command(
    switched: bool, cell: str, given: bool, tmp_path: Path
) -> None:
    file = tmp_path / "m.csv"
    file.write_text(f"video,delight,blendshapes\na.mp4,{cell},{cell}\nb.mp4,,\n")
    own, other = read(file, Config(delight=switched, blendshapes=switched))
    assert (own.config.delight, own.config.blendshapes) == (given, given)
    assert (other.config.delight, other.config.blendshapes) == (switched, switched)


@pytest.mark.parametrize("text", ["video;height\na.mp4;1.7\n", '"video","height_m"\r\n"a.mp4","1.7"\r\n'])
def test_tables_of_other_programs_are_understood(text: str, tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text(text, newline="")
    assert read(file)[0].config.height_m == 1.7


def test_photographs_are_clips_too(tmp_path: Path) -> None:
    file = tmp_path / "m.tsv"
    file.write_text("name\timage\nx\t1.jpg; 2.jpg\n")
    assert read(file, Config())[0].config.image == (tmp_path / "1.jpg", tmp_path / "2.jpg")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no column video"),
        ("video\n", "has no clip: give a folder of clips"),
        ("film,height\na.mp4,1\n", "has a column film, which is no option of fit-avatar"),
        ("video,video\na,b\n", "has two columns video"),
        ("video,out\na.mp4,x\n", "has a column out, which is the same for all clips"),
        ("video,height\na.mp4,tall\n", "line 2 of FILE: --height-m tall is no number"),
        ("video,device\na.mp4,tpu\n", "line 2 of FILE: invalid choice 'tpu' for argument '--device'"),
        ("video,delight\na.mp4,perhaps\n", "line 2 of FILE: delight is perhaps, but must be true or false"),
        ("video,height\na.mp4,1,7\n", "line 2 of FILE has 3 cells for 2 columns"),
        ("video,height\n,1.7\n", "line 2 of FILE names no video"),
        ("video\na/x.mp4\na/x.mov\n", "two clips are called a_x, at line 2 of FILE and at line 3 of FILE"),
        ("video,name\na.mp4,../../b\n", "line 2 of FILE: the results cannot be called '../../b'"),
        ("video,name\na.mp4,con|x\n", "line 2 of FILE: the results cannot be called 'con|x'"),
        ('video\n"a.mp4\n', "cannot be read as a table (unexpected end of data)"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text(text)
    with pytest.raises(BadInputError) as error:
        read(file)
    assert told.replace("FILE", str(file)) in str(error.value)
    assert "\n" not in str(error.value) and "(see fit-avatar" not in str(error.value)


def test_clips_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("monday/x.mp4\ntuesday/x.mp4\ny.mp4\n")
    assert [clip.name for clip in read(file)] == ["monday_x", "tuesday_x", "y"]


def test_odd_names_of_files_become_names_of_folders(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text(f"a:b|.mp4\n-x.mp4\nüñ.mp4\n{'n' * 250}.mp4\n")
    assert [clip.name for clip in read(file)] == ["a_b_", "x", "üñ", "n" * 200]


def test_what_is_no_list_is_refused(tmp_path: Path) -> None:
    for name, content in (("v.mp4", b"\0\0\0\x18ftyp\xff\xfe"), ("w.txt", b"\0\0ab")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInputError, match=r"is not (text|a list of clips)"):
            read(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match="no video and no folder of pictures"):
        read(tmp_path / "empty")
    with pytest.raises(BadInputError, match="there is no folder, list or table of clips"):
        read(tmp_path / "nothing")
