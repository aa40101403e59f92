"""A batch from its list to its table, with a stand-in for the program."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from fit_avatar import cli
from fit_avatar.arguments import parse
from fit_avatar.batch.manifest import Clip
from fit_avatar.batch.options import BatchOptions
from fit_avatar.batch.outcome import Outcome, read_outcome
from fit_avatar.batch.run import BatchSummary
from fit_avatar.batch.task import words_of
from fit_avatar.config import Config
from fit_avatar.errors import BadInputError
from tests.batch.conftest import STAND_IN

Batch = Callable[..., BatchSummary]
Clips = Callable[..., Path]


def table(out: Path) -> dict[str, dict[str, str]]:
    with (out / "results.csv").open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def runs(out: Path, name: str) -> int:
    return int(json.loads((out / "clips" / name / "metrics.json").read_text())["runs"])


def test_a_failed_clip_stops_no_other(batch: Batch, clips: Clips, tmp_path: Path) -> None:
    summary = batch(clips(a="good", b="fail", c="crash", d="good"))
    assert [outcome.state for outcome in summary.outcomes] == ["done", "failed", "failed", "done"]
    assert not summary.complete
    rows = table(tmp_path / "out")
    assert rows["b"]["reason"] == "nobody is in it"
    assert rows["c"]["reason"] == "KeyError: 'a fault of the program'"
    assert (rows["a"]["height_m"], rows["a"]["silhouette_iou"], rows["a"]["attempts"]) == ("1.75", "0.97", "1")
    assert "Traceback" in (tmp_path / "out" / rows["c"]["log"]).read_text()
    told = str(summary)
    assert told.startswith("2 of 4 clips are done, 2 failed") and "b: nobody is in it (logs/b.log)" in told


def test_a_second_run_does_what_is_left(batch: Batch, clips: Clips, tmp_path: Path) -> None:
    folder, out = clips(a="good", b="fail", c="good"), tmp_path / "out"
    batch(folder)
    clips(b="good now", d="new")
    summary = batch(folder)
    assert summary.kept == 2 and summary.count("done") == 4 and summary.complete
    assert (runs(out, "a"), runs(out, "b")) == (1, 2)
    clips(c="another")
    assert batch(folder).kept == 3 and runs(out, "c") == 2
    assert batch(folder, texture_size=64).kept == 0
    assert batch(folder, texture_size=64, fresh=True).kept == 0


def test_a_killed_clip_is_tried_again(batch: Batch, clips: Clips, tmp_path: Path) -> None:
    summary = batch(clips(a="die once", b="die always", c="good"), BatchOptions(jobs=2, retries=2))
    a, b, c = summary.outcomes
    assert (a.state, a.attempts) == ("done", 2) and (c.state, c.attempts) == ("done", 1)
    assert (b.state, b.attempts) == ("failed", 3) and "was killed or lacked memory" in b.reason
    assert (tmp_path / "out" / "logs" / "b.log").read_text().count('"attempt"') == 3


def test_a_clip_that_takes_too_long_is_given_up(batch: Batch, clips: Clips) -> None:
    summary = batch(clips(a="ask a process", b="good"), BatchOptions(limit_min=0.02))
    assert summary.outcomes[0].reason == "it took longer than 0.02 minutes (--limit-min)"
    assert summary.outcomes[1].state == "done"


def test_parts_of_a_batch_make_one_table(batch: Batch, clips: Clips, tmp_path: Path) -> None:
    folder = clips(**{f"c{i}": "good" for i in range(5)})
    first = batch(folder, BatchOptions(part="1/2"))
    assert [outcome.state for outcome in first.outcomes] == ["done", "waiting"] * 2 + ["done"]
    assert first.sentence == "3 of 5 clips are done, 2 not done yet" and first.complete
    assert batch(folder, BatchOptions(part="2/2")).count("done") == 5
    assert {row["state"] for row in table(tmp_path / "out").values()} == {"done"}


def test_results_are_those_of_the_command_alone(batch: Batch, clips: Clips, tmp_path: Path) -> None:
    folder = clips(a="good")
    batch(folder, texture_size=64, focal_35mm=26.0)
    alone = tmp_path / "alone"
    words = [f"--video={folder / 'a.mp4'}", "--focal-35mm=26.0", "--device=cpu", "--texture-size=64"]
    subprocess.run([*STAND_IN, *words, "--out", str(alone), "--log", "json"], check=True, capture_output=True)
    assert (alone / "avatar.glb").read_bytes() == (tmp_path / "out/clips/a/avatar.glb").read_bytes()


def test_the_page_shows_every_clip_and_needs_no_network(batch: Batch, clips: Clips, tmp_path: Path) -> None:
    batch(clips(**{"<b>a": "good", "b": "fail"}))
    page = (tmp_path / "out" / "index.html").read_text()
    assert 'src="clips/_b_a/preview.png"' in page and 'href="clips/_b_a/report.html"' in page
    assert "1 of 2 clips are done, 1 failed." in page and "nobody is in it" in page
    assert "It is &lt;small&gt;." in page and "<small>" not in page
    assert "http" not in page.replace('<meta name="viewport"', "")


def test_the_table_is_parquet_too(batch: Batch, clips: Clips, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    batch(clips(a="good", b="fail"))
    rows = parquet.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    assert [(row["name"], row["height_m"], row["frames_used"]) for row in rows] == [("a", 1.75, 8), ("b", None, None)]


SCRIPT = (
    "import sys; from pathlib import Path; from fit_avatar.batch.run import run\n"
    "from fit_avatar.batch.options import BatchOptions; from fit_avatar.config import Config\n"
    "clips, out, *program = sys.argv[1:]\n"
    "run(Path(clips), Config(out=Path(out), device='cpu'), BatchOptions(jobs=2), print, None, tuple(program))"
)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_ended_batch_leaves_no_process_behind(
    how: signal.Signals, clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    folder, out = clips(a="ask a process", b="good"), tmp_path / "out"
    command = [sys.executable, "-c", SCRIPT, str(folder), str(out), *STAND_IN]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's jobs in the background ignore Ctrl-C
    process = subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=heard)
    pid = out / "clips" / "a" / "pid"
    wait_for(lambda: pid.exists() and pid.read_text() != "")
    wait_for(lambda: (out / "outcomes" / "b.json").exists())
    process.send_signal(how)
    process.communicate(timeout=20)
    child = int(pid.read_text())
    wait_for(lambda: not alive(child))
    assert read_outcome(out / "outcomes" / "b.json", "b").state == "done"
    assert read_outcome(out / "outcomes" / "a.json", "a").state == "waiting"


def wait_for(fact: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except ProcessLookupError:
        return False
    except OSError:  # no /proc
        return True


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"jobs": 0}, "--jobs 0 cannot be right: it must be between 1 and 4096"),
        ({"part": "3/2"}, "--part 3/2 is no part"),
        ({"part": "0/2"}, "--part 0/2 is no part"),
        ({"ray": "local", "jobs": 2}, "--jobs is for this machine alone"),
        ({"gpu": 0.5}, "--gpu 0.5 is asked for, but the clips are fitted on the CPU"),
        ({"memory_gb": float("nan")}, "--memory-gb nan cannot be right"),
    ],
)
def test_options_are_checked(options: dict[str, object], told: str, batch: Batch, clips: Clips) -> None:
    with pytest.raises(BadInputError, match=told.replace("(", r"\(")):
        batch(clips(a="good"), BatchOptions(**options))  # type: ignore[arg-type]


def test_a_folder_of_somebody_else_is_left_alone(batch: Batch, clips: Clips, tmp_path: Path) -> None:
    folder, out = clips(a="good"), tmp_path / "out"
    out.mkdir()
    (out / "results.csv").write_text("mine")
    with pytest.raises(BadInputError, match="holds other files"):
        batch(folder)
    assert [file.name for file in out.iterdir()] == ["results.csv"] and (out / "results.csv").read_text() == "mine"
    assert batch(folder, force=True).complete


def test_a_damaged_note_means_that_the_clip_is_done_again(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    Outcome("a", "done", "k", numbers={"height_m": 1.7}, warnings=("w",)).write(file)
    whole = file.read_text()
    assert read_outcome(file, "a") == Outcome("a", "done", "k", numbers={"height_m": 1.7}, warnings=("w",))
    for text in ("", "[]", whole[:40], whole.replace('"key"', '"kay"'), whole.replace('"done"', '"so"'), "[" * 9999):
        file.write_text(text)
        assert read_outcome(file, "a").state == "waiting"


def test_words_say_the_same_options_again(tmp_path: Path) -> None:
    config = Config(
        tmp_path / "-v.mp4", height_m=1.7, export=("bvh", "usd"), blendshapes=False, delight=True, vrm_author=("A B",),
        person="2", keypoints=Path("relative"), preset="motion",
    )  # fmt: skip
    assert parse(words_of(config)) == Config(
        **{**config.__dict__, "keypoints": Path.cwd() / "relative"}
    )  # fmt: skip
    assert Clip("a", config).config is config


def test_the_command_tells_how_it_ended(
    clips: Clips, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fit_avatar.batch import run as batches

    monkeypatch.setattr(batches.run, "__defaults__", (None, STAND_IN))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    argv = ["batch", str(clips(a="good", b="fail")), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert cli.main(argv) == 2
    told = capfd.readouterr()
    assert told.out.startswith("1 of 2 clips are done, 1 failed after ")
    assert "✗ b: nobody is in it" in told.err and "✓ a" in told.err
    clips(b="good")
    assert cli.main([*argv, "--log", "json"]) == 0
    event = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (event["event"], event["done"], event["kept"], event["failed"]) == ("batch", 2, 1, 0)
    for wrong, sentence in (
        (["--out", str(tmp_path / "out"), "--video", "x.mp4"], "--video is for one clip alone"),
        ([], "--out is missing"),
    ):
        assert cli.main(["batch", str(clips()), *wrong]) == 2
        assert f"fit-avatar: {sentence}" in capfd.readouterr().err
