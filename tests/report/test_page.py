"""report.html: self-contained, complete, and working in a real browser."""

import base64
import json
import re
import shlex
import time
from dataclasses import replace
from html import unescape
from pathlib import Path

import cv2
import numpy as np
import pytest

from fit_avatar.arguments import parse
from fit_avatar.body import pose_body
from fit_avatar.capture.types import Camera, Capture, LeftOut
from fit_avatar.config import Config
from fit_avatar.io.video import VideoConfig, video_file
from fit_avatar.report import (
    build_metrics,
    measure_agreement,
    measure_body,
    measure_quality,
    summarise_regions,
    write_overlay,
    write_report,
)
from fit_avatar.report.colours import SCALE, confidence_colours, confidence_texture
from fit_avatar.report.contact_sheet import contact_sheet, spread
from fit_avatar.report.embed import EMBED, video_bytes
from fit_avatar.report.repeat import command
from fit_avatar.report.sections import left_out_list, ranges
from fit_avatar.report.viewer import ASSETS
from fit_avatar.results import options_of
from fit_avatar.visibility.raster import silhouette
from tests.report.browser import CHROMIUM, browser_page

CAMERA = Camera(300.0, 300.0, 90.0, 120.0, 180, 240)
NASTY = '<b>Tom & "Jerry"</b>.mp4'
OPTIONS = {"video": f"clips/{NASTY}", "out": "my out", "height_m": 1.8, "export": ("frames", "bvh"), "frames": 6}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, body, state) -> Path:
    """A report of the toy body on ideal observations."""
    folder = tmp_path_factory.mktemp("report")
    vertices = pose_body(body, state).vertices
    capture = Capture(
        frame_indices=np.arange(len(vertices)) * 3 + 1,
        keypoints=np.zeros((len(vertices), 25, 3), np.float32),
        masks=np.stack([silhouette(v, body.faces, CAMERA).numpy() for v in vertices]),
        camera=CAMERA,
        frame_weights=np.ones(len(vertices), np.float32),
        left_out=(LeftOut(2, "blurred"), LeftOut(3, "blurred"), LeftOut(9, "<i>the mask is empty</i>")),
    )
    pictures = ((int(i), np.full((240, 180, 3), 90, np.uint8)) for i in capture.frame_indices)
    overlay = write_overlay(folder / "overlay.mp4", body, state, capture, pictures)
    quality = measure_quality(body, state, capture)
    metrics = build_metrics(
        options=OPTIONS,
        capture=capture,
        agreement=measure_agreement(body, state, capture),
        stages=[
            {"name": "observe", "seconds": 2.5, "kept_from_earlier_run": True},
            {"name": "texture", "seconds": 1.5, "kept_from_earlier_run": False},
        ],
        solves=[],
        scale_source="estimated from average adults",
        height_m=1.7,
        peak_memory_gb=1.0,
        warnings=["The feet are cut off in 3 frames & more."],
        measurements=measure_body(body, state),
        regions=summarise_regions(body, state, quality),
    )
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[:, :32, 0], texture[:, 32:, 1] = 255, 255
    write_report(folder / "report.html", metrics, body, state, capture, texture, quality, overlay)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


@pytest.fixture(scope="module")
def page(folder) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def visible(page: str) -> str:
    """Return the text that a reader sees."""
    without = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", without)).split())


def test_it_carries_everything_and_refers_to_nothing_outside(page, folder) -> None:
    assert len(page.encode()) < 15e6
    for tag, source in re.findall(r"<(\w+)[^>]*\s(?:src|href)=\"([^\"]*)\"", page.split("<script>")[0]):
        assert source.startswith("data:"), (tag, source)
    blocks = dict(re.findall(r'<script type="text/plain" id="([\w-]+)">([^<]+)</script>', page))
    assert base64.b64decode(blocks["avatar-glb"]).startswith(b"glTF")
    assert base64.b64decode(blocks["confidence-image"]).startswith(b"\x89PNG")
    assert base64.b64decode(blocks["overlay-mp4"]) == (folder / "overlay.mp4").read_bytes()


def test_it_shows_the_important_information(page) -> None:
    text = visible(page)
    for part in (
        "Scale: estimated from average adults.", "The feet are cut off in 3 frames & more.", "2–3: blurred",
        "9: <i>the mask is empty</i>", "observe", "2.5 s", "kept from an earlier run", "height", "1.70 m",
        "chest", "torch", "--height-m 1.8",
    ):  # fmt: skip
        assert part in text, part
    assert NASTY in text and "<b>Tom" not in page  # a name cannot become markup


def test_the_command_repeats_the_run(tmp_path) -> None:
    config = Config(
        video=tmp_path / "a b.mp4", height_m=1.8, frames=20, export=("frames", "bvh"), quality="best", fresh=True,
        log="quiet", focal_px=900.0, full_paths=True, blendshapes=False,
    )  # fmt: skip
    words = shlex.split(command(options_of(config)))
    assert words[0] == "fit-avatar"
    assert parse(words[1:]) == replace(config, fresh=False, log="bar")  # they do not change the result
    assert command(options_of(Config(video=Path("v.mp4")))) == "fit-avatar --video v.mp4"
    photos = Config(image=(Path("a.jpg"), Path("b.jpg")))
    assert parse(shlex.split(command(options_of(photos)))[1:]) == photos


def test_ranges_and_reasons() -> None:
    assert ranges([5, 3, 4, 9]) == "3–5, 9" and ranges([1]) == "1"
    assert "No frame" in left_out_list([])


def test_confidence_becomes_colour(body) -> None:
    np.testing.assert_array_equal(confidence_colours(np.array([0.0, 0.5, 1.0])), [SCALE[0], SCALE[2], SCALE[4]])
    painted = confidence_texture(body, np.ones(len(body.template), np.float32), 64)
    assert painted.shape == (64, 64, 3) and (painted == SCALE[4]).all()


def test_the_contact_sheet_is_cut_to_the_person(folder, body, state) -> None:
    masks = np.zeros((6, 240, 180), bool)
    masks[:, 60:180, 70:110] = True
    capture = Capture(np.arange(6), np.zeros((6, 25, 3), np.float32), masks, CAMERA, np.ones(6, np.float32))
    sheet = contact_sheet(folder / "overlay.mp4", capture)
    assert [place for place, _ in sheet] == list(range(6))
    picture = cv2.imdecode(np.frombuffer(sheet[0][1], np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[0] / picture.shape[1] == pytest.approx(134 / 54, rel=0.05)


@pytest.mark.parametrize("count", [1, 5, 12, 13, 120])
def test_frames_are_chosen_evenly(count) -> None:
    chosen = spread(count)
    assert len(chosen) == min(count, 12) and chosen[0] >= 0 and chosen[-1] < count
    steps = np.diff(chosen)
    assert len(steps) == 0 or steps.max() - steps.min() <= 1


def test_a_large_video_is_made_smaller(tmp_path) -> None:
    generator = np.random.default_rng(0)
    path = tmp_path / "large.mp4"
    with video_file(path, 10.0, VideoConfig(crf=4)) as append:
        for _ in range(6):
            append(generator.integers(0, 255, (540, 960, 3), np.uint8))  # noise hardly compresses
    assert path.stat().st_size > EMBED.video_bytes
    small = video_bytes(path)
    assert small is not None and len(small) < EMBED.max_video_bytes
    (tmp_path / "small.mp4").write_bytes(small)
    video = cv2.VideoCapture(str(tmp_path / "small.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_WIDTH) == 640 and video.get(cv2.CAP_PROP_FRAME_COUNT) == 6


def test_the_viewer_comes_with_its_licence() -> None:
    assert "MIT" in (ASSETS / "LICENSE-three.txt").read_text()
    script = (ASSETS / "viewer.min.js").read_text(encoding="utf-8")
    assert "</script" not in script.lower() and len(script) < 1e6


COLOURS = """(() => {
  const canvas = document.querySelector('#viewer canvas'), small = document.createElement('canvas');
  small.width = small.height = 48;
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const pen = small.getContext('2d');
    pen.drawImage(canvas, 0, 0, 48, 48);
    done(Array.from(pen.getImageData(0, 0, 48, 48).data));
  })));
})()"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize(("width", "height", "mobile"), [(1280, 900, False), (390, 844, True)])
def test_it_works_in_a_browser(folder, width, height, mobile) -> None:
    with browser_page() as page:
        page.resize(width, height, 1.0, mobile)
        page.open(folder / "report.html")
        page.wait_for("Number(document.getElementById('viewer')?.dataset.drawn || 0) > 2")
        page.ask("document.getElementById('turn').click()")  # so that only the animation moves it

        def pixels() -> np.ndarray:
            return np.array(page.ask(COLOURS)).reshape(48, 48, 4)

        first = pixels()
        assert (first[..., 3] > 200).mean() > 0.05 and first[first[..., 3] > 200].std() > 10
        before = page.ask("Number(document.getElementById('time').value)")
        page.wait_for(f"Math.abs(Number(document.getElementById('time').value) - {before}) > 0.2")
        assert np.abs(pixels() - first).mean() > 0.5

        page.ask("document.getElementById('play').click()")
        time.sleep(0.3)
        texture = pixels()
        page.ask("document.querySelector('[data-show=confidence]').click()")
        page.wait_for("document.getElementById('legend').hidden === false")
        assert np.abs(pixels() - texture).mean() > 2

        assert page.wait_for("document.getElementById('overlay-video').readyState >= 2")
        assert page.ask("document.documentElement.scrollWidth") <= width
        assert page.ask("parseFloat(getComputedStyle(document.querySelector('td')).fontSize)") >= 12
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith(("file:", "data:", "blob:"))] == []
