"""What is uploaded: videos are taken under a name of the program's, everything else is refused in one sentence."""

import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fit_avatar.app import uploads as module
from fit_avatar.app.options import AppOptions
from fit_avatar.app.uploads import container, take
from fit_avatar.errors import BadInputError
from tests.app.videos import write_video

OPTIONS = AppOptions(max_mb=1, max_seconds=5)


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "job").mkdir()
    return tmp_path / "uploads"


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("good") / "good.mp4")


@pytest.mark.parametrize(
    ("name", "kind"), [("a.mp4", "mp4"), ("b.mov", "mp4"), ("c.webm", "mkv"), ("d.mkv", "mkv"), ("e.avi", "avi")]
)
def test_videos_are_taken_under_a_name_of_the_programs(name: str, kind: str, uploads: Path) -> None:
    upload = write_video(uploads / name)
    content = upload.read_bytes()
    taken = take(upload, uploads, uploads.parent / "job", OPTIONS)
    assert taken == uploads.parent / "job" / f"clip.{kind}" and taken.read_bytes() == content
    assert not upload.exists()


@pytest.mark.parametrize("name", ["-rf.mp4", "; rm -rf ~;.mp4", "$(touch x).mp4", "a%05d.mp4", "x" * 200 + ".exe"])
def test_an_upload_s_name_means_nothing(name: str, uploads: Path, good: Path) -> None:
    upload = Path(shutil.copy(good, uploads / name))
    assert take(upload, uploads, uploads.parent / "job", OPTIONS).name == "clip.mp4"
    assert sorted(uploads.parent.rglob("*")) == [
        uploads.parent / "job", uploads.parent / "job" / "clip.mp4", uploads
    ]  # fmt: skip


def zip_of(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../../evil", b"x")


HOSTILE: dict[str, Callable[[Path], object]] = {
    "empty.mp4": lambda path: path.write_bytes(b""),
    "text.mp4": lambda path: path.write_text("this is text"),
    "page.mp4": lambda path: path.write_text("<script>alert(1)</script>"),
    "picture.svg": lambda path: path.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    "playlist.m3u8": lambda path: path.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
    "playlist.mp4": lambda path: path.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
    "list.mp4": lambda path: path.write_text("ffconcat version 1.0\nfile /etc/passwd\n"),
    "program.py": lambda path: path.write_text("import os; os.system('touch pwned')"),
    "script.sh": lambda path: path.write_text("#!/bin/sh\ntouch pwned\n"),
    "program.exe": lambda path: path.write_bytes(b"MZ" + bytes(500)),
    "program": lambda path: path.write_bytes(b"\x7fELF" + bytes(500)),
    "archive.zip": zip_of,
    "pickle.pkl": lambda path: path.write_bytes(b"\x80\x04cos\nsystem\n(S'touch pwned'\ntR."),
    "sound.wav": lambda path: path.write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(500)),
    "picture.png": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500)),
    "only_a_head.mp4": lambda path: path.write_bytes(bytes.fromhex("00000018667479706d703432") + bytes(5000)),
    "only_a_head.mkv": lambda path: path.write_bytes(b"\x1a\x45\xdf\xa3" + bytes(5000)),
    "only_a_head.avi": lambda path: path.write_bytes(b"RIFF\x00\x00\x00\x00AVI LIST" + bytes(5000)),
    "cut_off.mp4": lambda path: path.write_bytes(write_video(path).read_bytes()[: 3000]),
    "garbled.mp4": lambda path: path.write_bytes(b"".join(b[::-1] for b in chunks(write_video(path).read_bytes()))),
    "large.mp4": lambda path: path.write_bytes(write_video(path).read_bytes() + bytes(2 << 20)),
    "long.mp4": lambda path: write_video(path, frames=80),
    "long.mkv": lambda path: write_video(path, frames=80),
    "tiny.mp4": lambda path: write_video(path, size=(32, 32)),
    "one_picture.mp4": lambda path: write_video(path, frames=1),
    "link.mp4": lambda path: path.symlink_to("/etc/hostname"),
    "folder.mp4": lambda path: path.mkdir(),
    "pipe.mp4": os.mkfifo,
}  # fmt: skip


def chunks(data: bytes) -> list[bytes]:
    """Return data whose head stays and whose rest is cut into pieces."""
    return [data[:12][::-1], *(data[i : i + 64] for i in range(12, len(data), 64))]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_fitting_video_is_refused(name: str, uploads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(uploads.parent)
    upload = uploads / name
    HOSTILE[name](upload)
    with pytest.raises(BadInputError) as error:
        take(upload, uploads, uploads.parent / "job", OPTIONS)
    told = str(error.value)
    assert "\n" not in told and str(uploads) not in told and "passwd" not in told and name not in told
    assert not (uploads.parent / "pwned").exists()


@pytest.mark.parametrize("path", ["/etc/passwd", "../good.mp4", "nothing.mp4", "x\0y", "/dev/zero", "."])
def test_paths_elsewhere_are_refused_and_left_alone(path: str, uploads: Path, good: Path) -> None:
    kept = Path(shutil.copy(good, uploads.parent / "good.mp4"))
    with pytest.raises(BadInputError):
        take(uploads / path, uploads, uploads.parent / "job", OPTIONS)
    assert kept.exists() and Path("/etc/passwd").exists()


def test_a_decoder_that_hangs_or_crashes_ends(uploads: Path, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for probe, limit in ((("sleep", "60"), 0.2), (("false",), 5.0), (("echo", "[]"), 5.0)):
        monkeypatch.setattr(module, "PROBE", probe)
        monkeypatch.setattr(module, "PROBE_S", limit)
        upload = Path(shutil.copy(good, uploads / "a.mp4"))
        with pytest.raises(BadInputError, match="the video cannot be read"):
            take(upload, uploads, uploads.parent / "job", OPTIONS)


def test_only_what_the_names_say_is_opened(uploads: Path) -> None:
    """A list that names other files is not read, even if its first bytes were those of a video."""
    assert container(b"#EXTM3U\nfile:///etc/passwd") is None and container(b"") is None
    video = uploads / "clip.mp4"
    video.write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")
    told = subprocess.run([*module.PROBE, str(video)], capture_output=True, check=False)
    assert told.returncode != 0 and not told.stdout
