"""One folder for each job: what it holds is given out by an unguessable name, and deleted after a set time."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from fit_avatar.app import show
from fit_avatar.app.choices import Choices
from fit_avatar.app.jobs import FIRST, Job, Jobs, Progress
from fit_avatar.app.options import AppOptions
from fit_avatar.batch.outcome import Outcome
from fit_avatar.config import Config
from fit_avatar.errors import BadInputError
from tests.app.videos import write_video

STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in.py")))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(tmp_path: Path, clock: Clock) -> Iterator[Jobs]:
    found = Jobs(tmp_path / "root", AppOptions(keep_min=10), STAND_IN, clock)
    yield found
    found.close()
    assert not (tmp_path / "root").exists()


def upload(jobs: Jobs, name: str = "a.mp4", seed: int = 0) -> Path:
    return write_video(jobs.uploads / name, frames=8, seed=seed)


def last(told: Iterator[Any]) -> tuple[Job, Outcome]:
    *_, end = told
    assert isinstance(end, tuple)
    return end


def test_stages_are_told_and_the_result_is_found(jobs: Jobs) -> None:
    *told, (job, outcome) = jobs.run(upload(jobs), Config(height_m=1.7))
    assert any(each.stage == "observe" and each.total == 5 for each in told)
    assert told[-1].stages == (("observe", 2.5),)
    assert outcome.state == "done" and outcome.numbers["height_m"] == 1.75
    assert set(job.files) == {"report.html", "avatar.glb", "metrics.json", "options.txt"}
    assert jobs.find(job.token, "avatar.glb") == job.folder / "out" / "avatar.glb"
    for token, name in (
        (job.token, "../log.json"), (job.token, "written_files.json"), (job.token, "/etc/passwd"), (job.token, ""),
        ("0" * 32, "avatar.glb"), ("../" + job.token, "avatar.glb"), ("", "avatar.glb"),
    ):  # fmt: skip
        assert jobs.find(token, name) is None


def test_a_first_avatar_is_found_until_the_results_are_there(jobs: Jobs) -> None:
    pages = []
    running = jobs.run(upload(jobs), Config(preview=True))
    for told in running:
        if isinstance(told, Progress) and told.first:
            pages.append(jobs.find(told.first, FIRST))
    job, _ = cast("tuple[Job, Outcome]", told)
    assert len(pages) > 1 and set(pages) == {job.folder / "out" / FIRST}
    assert FIRST not in job.files and jobs.find(job.token, FIRST) is None
    with pytest.raises(BadInputError, match="shows nobody"):
        list(jobs.run(upload(jobs), Config(height_m=2.0, preview=True)))
    assert [job.folder] == list((jobs.root / "jobs").iterdir())


def test_results_and_videos_are_deleted_in_time(jobs: Jobs, clock: Clock) -> None:
    job, _ = last(jobs.run(upload(jobs), Config()))
    clock.now = 599
    assert jobs.find(job.token, "avatar.glb") is not None
    clock.now = 601
    assert jobs.find(job.token, "avatar.glb") is None
    assert not job.folder.exists() and not list(jobs.uploads.iterdir())


def test_a_refused_video_leaves_nothing(jobs: Jobs) -> None:
    video = jobs.uploads / "a.mp4"
    video.write_text("no video")
    with pytest.raises(BadInputError, match="this is no video"):
        list(jobs.run(video, Config()))
    with pytest.raises(BadInputError, match=r"^the video shows nobody$"):
        list(jobs.run(upload(jobs), Config(height_m=2.0)))
    assert [path for path in jobs.root.rglob("*") if path.is_file()] == []


def test_who_goes_away_ends_the_job(jobs: Jobs) -> None:
    running = jobs.run(upload(jobs), Config())
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert [path for path in jobs.root.rglob("*") if path.is_file()] == []


def test_two_jobs_at_once_do_not_mix(jobs: Jobs) -> None:
    found: dict[int, tuple[Job, Outcome]] = {}
    contents = {}

    def run(number: int) -> None:
        video = upload(jobs, f"{number}/../same.mp4".replace("/../", "_"), number)
        contents[number] = video.read_bytes()[-64:] + f"{1.6 + number / 10:g}".encode()
        found[number] = last(jobs.run(video, Config(height_m=float(f"{1.6 + number / 10:g}"))))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0][0].token != found[1][0].token
    for number, (job, _) in found.items():
        file = jobs.find(job.token, "avatar.glb")
        assert file is not None and file.read_bytes() == contents[number]


GOOD: dict[str, Any] = {
    "height_m": "1.7", "focal_35mm": "26", "method": "let the program see", "quality": "fast", "texture_size": 512,
    "frames": 24, "exports": ["bvh"], "shoes": "let the program see", "garment": "let the program see",
    "hair": "where it is seen", "delight": False, "preview": False,
}  # fmt: skip


def test_choices_become_options() -> None:
    config = Choices(**GOOD).config()
    assert config == Config(
        height_m=1.7, focal_35mm=26.0, quality="fast", texture_size=512, frames=24, export=("bvh",), log="json"
    )  # fmt: skip
    assert Choices(**{**GOOD, "preview": True}).config().preview
    assert Choices(**{**GOOD, "height_m": 172.0, "method": "any motion"}).config().preset == "motion"
    worn = {"shoes": "bare feet", "garment": "a skirt, a dress or a long coat", "hair": "never"}
    config = Choices(**{**GOOD, **worn}).config()
    assert (config.shoes, config.garment, config.hair) == ("no", "skirt", "none")
    for height, metres in ((172.0, 1.72), ("172", 1.72), (" 1,72 ", 1.72), (None, None), ("", None)):
        assert Choices(**{**GOOD, "height_m": height}).config().height_m == metres


@pytest.mark.parametrize(
    "change",
    [
        {"height_m": "1.7; touch x"}, {"height_m": "1e0"}, {"height_m": 0}, {"focal_35mm": "900"}, {"focal_35mm": "x"},
        {"height_m": float("nan")}, {"height_m": 9.0}, {"height_m": True},
        {"method": "mine.json"}, {"method": ["let the program see"]}, {"quality": "../best"}, {"texture_size": 100_000},
        {"texture_size": "512"}, {"texture_size": True}, {"frames": 10**9}, {"exports": ["frames"]},
        {"exports": "--extension=/tmp/x.py"}, {"exports": None}, {"exports": [["bvh"]]},
        {"shoes": "auto"}, {"garment": "skirt"}, {"hair": None},
    ],
)  # fmt: skip
def test_other_choices_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadInputError):
        Choices(**{**GOOD, **change}).config()


def test_what_is_shown_is_escaped() -> None:
    now = Progress((("<b>", 1.0),), "<i>", "<u>", 1, 5)
    assert "left" not in show.progress(now)
    event = {"event": "progress", "step": "s", "done": 1, "total": 2, "number": 7, "stages": 15, "left_s": 41.0}
    assert "stage 7 of 15, about 40 s left" in show.progress(now.after(event))
    assert "<b>" not in show.progress(now) and "<i>" not in show.progress(now) and "<u>" not in show.progress(now)
    job = Job("0" * 32, Path("x"), files={"avatar.glb": Path("y"), "report.html": Path("z")})
    told = show.result(job, Outcome("a", "done", warnings=("<script>",), numbers={"height_m": 1.7}))
    assert (
        "<script>" not in told
        and f'src="/results/{"0" * 32}/report.html"' in told
        and 'sandbox="allow-scripts"' in told
    )
    assert show.first_avatar("") == "" and 'sandbox="allow-scripts"' in show.first_avatar("0" * 32)
    assert "<" not in show.refusal("<img>").replace('<p class="refused" role="alert">', "").replace("</p>", "")


@pytest.mark.parametrize(("name", "value"), [("port", 70000), ("queue", 0), ("max_mb", 0), ("keep_min", float("nan"))])
def test_options_are_checked(name: str, value: float) -> None:
    with pytest.raises(BadInputError, match=f"--{name.replace('_', '-')} .* cannot be right"):
        AppOptions(**{name: value}).check()  # type: ignore[arg-type]
