"""The command line: what its help says, and one sentence and exit code for everything that goes wrong."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fit_avatar import cli, command
from fit_avatar.body import read_smpl
from fit_avatar.config import PRESETS as NAMES
from fit_avatar.config import Config
from fit_avatar.doctor import own_version
from fit_avatar.errors import NoPersonError
from fit_avatar.fitting import PRESETS, preset
from fit_avatar.progress import RunSummary
from tests.body.smpl_files import model_arrays, write_pkl

OPTIONS = (
    "--video PATH", "--out PATH", "--height-m FLOAT", "--keypoints PATH", "--masks PATH", "--camera PATH",
    "--fov-deg FLOAT", "--focal-px FLOAT", "--focal-35mm FLOAT", "--frames INT", "--device {auto,cpu,cuda}",
    "--quality {fast,balanced,best}", "--texture-size INT", "--num-betas INT", "--export", "--fresh",
    "--image", "--preset STR", "--body STR", "--detector {mediapipe,openpose,rtmlib}",
    "--log {bar,quiet,verbose,json}", "--view", "--normal-map",
    "--motion {every,fitted}", "--person STR",
)  # fmt: skip


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "person.mp4"
    path.write_bytes(b"a clip")
    return path


def replace_run(monkeypatch: pytest.MonkeyPatch, run: Callable[..., RunSummary]) -> None:
    monkeypatch.setattr(command, "run", run)


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert not stop.value.code
    told = capsys.readouterr().out
    for option in OPTIONS:
        assert option in told
    assert "Turn one video of a person turning around" in told
    assert "None}" not in told and "--no-fresh" not in told


def test_help_is_quick_and_loads_no_torch() -> None:
    script = (
        "import sys; from fit_avatar.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'cv2', 'scipy', 'ai_edge_litert')))"
    )
    start = time.perf_counter()
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0
    assert time.perf_counter() - start < 5  # about 0.3 s on an idle machine


def test_module_is_the_command() -> None:
    told = subprocess.run([sys.executable, "-m", "fit_avatar"], capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert told.stderr == "fit-avatar: --video is missing: give the clip, or photographs with --image\n"


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["person.mp4"], "Unrecognized options: person.mp4: a clip is given with --video, a photograph with --image"),
        (["convert-body"], "Missing from fit-avatar convert-body: PATH"),
        (["presets", "smplify", "--tabel"], "Unrecognized options: --tabel"),
        (["--video", "v.mp4", "--hight-m", "1.8"], "Unrecognized options: --hight-m"),
        (["--video"], "Missing value for argument '--video'"),
        (["--video", "v.mp4", "--height-m", "tall"], "--height-m tall is no number: write it as in 1.75"),
        (["--video", "v.mp4", "--height-m", "1,79"], "--height-m 1,79 is no number: write it as in 1.75"),
        (["--height", "1.8"], "Unrecognized options: --height, 1.8; perhaps you meant --height-m"),
        (["batch"], "the list or folder of clips is missing"),
        (["--video", "v.mp4", "--frames", "1.5"], "--frames 1.5 is no whole number"),
        (["--video", "v.mp4", "--device", "tpu"], "invalid choice 'tpu' for argument '--device'"),
        (["--video", "v.mp4", "--export", "fbx"], "invalid choice 'fbx' for argument '--export'"),
    ],
)
def test_usage_errors_are_one_sentence(argv: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"fit-avatar: {sentence}")
    assert told.count("\n") == 1 and told.endswith("(see fit-avatar --help)\n")


def test_version_and_help_need_no_dashes_nor_a_clip(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"fit-avatar {own_version()}\n"
    with pytest.raises(SystemExit) as stop:
        cli.main(["help"])
    assert stop.value.code == 0 and "--video" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (NoPersonError("nobody is in it"), 2, "nobody is in it"),
        (
            ImportError("libGL.so.1: cannot open shared object file"), 2,
            "libGL.so.1: cannot open shared object file: install the packages of requirements.txt in a new virtual "
            "environment",
        ),
        (KeyboardInterrupt(), 130, "interrupted; run the same command again to continue"),
        (
            OSError(errno.ENOSPC, "No space left on device", "out/avatar.obj"), 2,
            "the disk is full while writing out/avatar.obj: free some space and run the same command again",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"), 2,
            "the disk is full: free some space and run the same command again",
        ),
    ],
)  # fmt: skip
def test_failures_are_one_sentence(
    error: BaseException,
    code: int,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    video: Path,
) -> None:
    def run(*_: object) -> RunSummary:
        raise error

    replace_run(monkeypatch, run)
    assert cli.main(["--video", str(video)]) == code
    assert capsys.readouterr().err.strip().splitlines()[-1] == f"fit-avatar: {sentence}"


def test_a_fault_of_the_program_is_not_hidden(monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    def run(*_: object) -> RunSummary:
        raise OSError(errno.EIO, "Input/output error")

    replace_run(monkeypatch, run)
    with pytest.raises(OSError, match="Input/output"):
        cli.main(["--video", str(video)])


def test_options_reach_the_run_and_the_summary_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], video: Path
) -> None:
    seen: list[Config] = []

    def run(config: Config, _: object) -> RunSummary:
        seen.append(config)
        return RunSummary(
            Path("o"), (Path("o/avatar.glb"),), "the given height of 1.8 m", "IoU 0.97", ("so so",), 12.0, 1.5
        )

    replace_run(monkeypatch, run)
    argv = ["--video", str(video), "--height-m", "1.8", "--export", "frames", "--fresh", "--quality", "fast"]
    assert cli.main(argv) == 0
    assert seen == [Config(video, height_m=1.8, export=("frames",), fresh=True, quality="fast")]
    told = capsys.readouterr().err
    for part in ("o/avatar.glb", "the given height of 1.8 m", "IoU 0.97", "so so", "12 s", "1.5 GB"):
        assert part in told


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (["--height-m", "178"], "--height-m 178 cannot be right: it must be between 0.5 and 2.6 metres"),
        (["--fov-deg", "60", "--focal-px", "900"], "--fov-deg and --focal-px both say what the focal length is"),
    ],
)
def test_bad_options_leave_nothing_behind(
    extra: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], video: Path
) -> None:
    out = tmp_path / "out"
    assert cli.main(["--video", str(video), "--out", str(out), *extra]) == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()


def test_a_missing_or_broken_video_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], video: Path
) -> None:
    out = tmp_path / "out"
    assert cli.main(["--video", str(tmp_path / "no.mp4"), "--out", str(out)]) == 2
    assert "there is no video file" in capsys.readouterr().err
    assert cli.main(["--video", str(video), "--out", str(out)]) == 2
    assert "is a text file, not a video" in capsys.readouterr().err
    assert not out.exists()


def test_presets_are_listed_and_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["presets"]) == 0
    listed = capsys.readouterr().out
    assert [line.split()[0] for line in listed.splitlines()] == list(PRESETS)
    assert cli.main(["presets", "smplify"]) == 0
    file = tmp_path / "mine.json"
    file.write_text(capsys.readouterr().out)
    assert preset(str(file)) == preset(str(file)) and preset(str(file)).name == "smplify"
    assert cli.main(["presets", "smplify", "--table"]) == 0
    assert "keypoint_reprojection: weight" in capsys.readouterr().out
    assert cli.main(["presets", "smplfy"]) == 2
    assert capsys.readouterr().err.startswith("fit-avatar: there is no preset 'smplfy': choose one of")


def test_the_names_that_help_tells_are_the_presets() -> None:
    assert tuple(PRESETS) == NAMES


def test_a_body_is_converted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    old, new = tmp_path / "old.pkl", tmp_path / "new.npz"
    write_pkl(old, model_arrays("smpl"))
    assert cli.main(["convert-body", str(old), str(new)]) == 0
    assert capsys.readouterr().out == f"{new} holds a SMPL body: use it with --body {new}\n"
    assert read_smpl(new).template.shape == (6890, 3)
    before = new.read_bytes()
    for source, target, sentence in (
        (old, new, "is there already: give another name, or replace it with --force"),
        (new, new, "is the file that is read: give another name"),
        (old, tmp_path, "is a folder: give the name of the file"),
    ):
        assert cli.main(["convert-body", str(source), str(target)]) == 2
        assert f"{target} {sentence}" in capsys.readouterr().err
    assert new.read_bytes() == before
    assert cli.main(["convert-body", str(new), str(new), "--force"]) == 2
    assert "is the file that is read" in capsys.readouterr().err
    assert cli.main(["convert-body", str(old), str(new), "--force"]) == 0
    assert capsys.readouterr().err == ""
    assert cli.main(["convert-body", str(tmp_path / "missing.pkl"), str(new)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def run(argv: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fit_avatar", *argv], capture_output=True, check=False, encoding="utf-8",
        env={**os.environ, **environment}, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["n" * 10_000, "x\ny.mp4", "\x1b[31m.mp4", os.fsdecode(b"\xe4.mp4"), "a b " * 2000])
def test_any_name_is_told_on_one_short_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--video", name]) == 2
    told = capsys.readouterr().err
    assert told.startswith("fit-avatar: ") and told.count("\n") == 1 and len(told) < 1500
    assert told.rstrip("\n").isprintable()


def test_a_terminal_without_utf_8_shows_escapes() -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    told = run(["presets", "ü"], **ascii_only)
    assert told.returncode == 2 and told.stderr.count("\n") == 1 and "Traceback" not in told.stderr
    listed = run(["presets"], **ascii_only)
    assert listed.returncode == 0 and listed.stdout.startswith("video-avatar")


def test_libraries_say_nothing_beside_the_sentence(tmp_path: Path) -> None:
    video = tmp_path / "v.mp4"
    video.write_bytes(bytes.fromhex("000000186674797069736f6d0000020069736f6d69736f32") + bytes(5000))
    told = run(["--video", str(video), "--out", str(tmp_path / "out")])
    assert told.returncode == 2
    assert told.stderr == (
        f"fit-avatar: {video} begins like an MP4 or QuickTime video but cannot be read: it may be cut off or "
        "damaged, so copy it again, or convert it to an MP4 (H.264)\n"
    )


def test_an_interruption_while_libraries_load_is_understood() -> None:
    script = (
        "import sys; from fit_avatar import cli\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'tyro': raise KeyboardInterrupt\n"
        "assert 'tyro' not in sys.modules and 'numpy' not in sys.modules\n"
        "sys.meta_path.insert(0, Interrupted()); sys.exit(cli.main(['--video', 'x']))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (130, "fit-avatar: interrupted; run the same command again to continue\n")


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_an_interruption_in_the_middle_of_a_library_waits_for_its_end(number: str) -> None:
    script = (
        "import signal, sys; from fit_avatar import cli\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == 'numpy._core': signal.raise_signal(signal.{number})\n"
        "sys.meta_path.insert(0, Interrupted()); code = cli.main(['--video', 'x', '--log', 'quiet'])\n"
        "assert 'fit_avatar.command' in sys.modules; sys.exit(code)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (130, "fit-avatar: interrupted; run the same command again to continue\n")


def test_a_path_that_may_not_be_opened_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], video: Path
) -> None:
    def fail(*_: object) -> RunSummary:
        raise PermissionError(errno.EACCES, "Permission denied", "masks/000001.png")

    replace_run(monkeypatch, fail)
    assert cli.main(["--video", str(video)]) == 2
    told = capsys.readouterr().err
    assert told == "fit-avatar: masks/000001.png cannot be opened (permission denied): check path and permissions\n"


def folder_of(tmp_path: Path, *files: str) -> Path:
    for name in files:
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / name).write_bytes(b"theirs")
    return tmp_path / "d"


@pytest.mark.parametrize(
    ("files", "extra", "sentence"),
    [
        (("avatar.png",), [], "avatar.png was not written by fit-avatar, or was changed since: choose another folder"),
        (("report.html",), [], "report.html was not written by fit-avatar"),
        (("frames/0001.jpg",), ["--export", "frames"], "frames was not written by fit-avatar"),
        (("people_snapshot/notes.txt",), ["--export", "people-snapshot"], "people_snapshot was not written"),
        (("avatar.npz/mine.txt",), ["--force"], "avatar.npz is to be written, but there is a folder of that name"),
        (("cache",), [], "cache is needed, but there is a file of that name: move it away"),
        (("cache/texture.npz",), [], "cache is for kept results but holds other files"),
    ],
)
def test_nothing_of_the_users_is_written_over(
    files: tuple[str, ...],
    extra: list[str],
    sentence: str,
    tmp_path: Path,
    video: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = folder_of(tmp_path, *files)
    assert cli.main(["--video", str(video), "--out", str(out), *extra]) == 2
    assert sentence in capsys.readouterr().err
    assert all((out / name).read_bytes() == b"theirs" for name in files)
    assert sorted(path for path in out.rglob("*") if path.is_file()) == sorted(out / name for name in files)


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_an_input_is_never_written_over(force: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder_of(tmp_path, "overlay.mp4", "frames/000000.png")
    video = out / "overlay.mp4"
    for given in (
        ["--video", str(video)],
        ["--video", str(video), "--masks", str(out / "frames"), "--export", "frames"],
    ):
        assert cli.main([*given, "--out", str(out), *force]) == 2
        assert "is an input of this run: choose another folder" in capsys.readouterr().err
    assert video.read_bytes() == (out / "frames" / "000000.png").read_bytes() == b"theirs"


def test_an_interruption_is_understood_before_anything_else_loads() -> None:
    script = (
        "import sys; before = set(sys.modules); import fit_avatar.__main__ as program\n"
        "assert set(sys.modules) - before == {'fit_avatar', 'fit_avatar.__main__'}, set(sys.modules) - before\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'fit_avatar.cli': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted()); sys.exit(program.main())"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (130, "fit-avatar: interrupted; run the same command again to continue\n")
