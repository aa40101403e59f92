"""The page in a browser without a network: from the upload to the download. Nothing is asked of anybody elsewhere."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fit_avatar.app.options import AppOptions
from fit_avatar.app.server import serve
from fit_avatar.batch.task import PROGRAM
from fit_avatar.errors import BadInputError, MissingDependencyError
from tests.app.videos import write_video

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SWITCHES = [
    "--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",  # 3D without a graphics card
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",  # a webcam that films a test card
]  # fmt: skip
"""Of a browser that reaches nobody."""
REAL = os.environ.get("FIT_AVATAR_REAL_FIT")
"""Set where a minute for a whole fit is worth it, as in ``EXTRAS=1 .ci/run``."""
HEIGHT = "#height :is(input, textarea)"
DEMO = Path(__file__).parents[2] / "assets" / "demo.mp4"
STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in.py")))
SERVE = """
import socket, sys
from pathlib import Path
strangers = []
def watched(call):
    def checked(self, address, *more):
        host = address[0] if isinstance(address, tuple) else ""
        if host and not host.startswith("127.") and host not in ("localhost", "::1"):
            print("STRANGER", host, flush=True)
            raise OSError("the network is forbidden")
        return call(self, address, *more)
    return checked
socket.socket.connect = watched(socket.socket.connect)
socket.socket.connect_ex = watched(socket.socket.connect_ex)
look_up = socket.getaddrinfo
def looked_up(host, *more, **named):
    if host not in (None, "127.0.0.1", "localhost", "::1"):
        print("STRANGER", host, flush=True)
        raise OSError("the network is forbidden")
    return look_up(host, *more, **named)
socket.getaddrinfo = looked_up
from fit_avatar.app.options import AppOptions
from fit_avatar.app.server import serve
options = AppOptions(port=0, folder=Path(sys.argv[1]), max_mb=int(sys.argv[2]), queue=2)
serve(options, lambda line: print(line, flush=True), tuple(sys.argv[3:]))
"""


class Served:
    """A page that is being served, in a process that may reach this machine alone."""

    def __init__(self, folder: Path, program: tuple[str, ...] = STAND_IN, max_mb: int = 1) -> None:
        self.folder = folder
        self.log = folder.parent / "served.log"
        with self.log.open("w") as log:
            command = [sys.executable, "-c", SERVE, str(folder), str(max_mb), *program]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", self.process.stdout.readline())
        assert found, self.log.read_text()
        self.address = found[0]

    def end(self) -> str:
        """End it, and return what it has said."""
        self.process.terminate()
        told, _ = self.process.communicate(timeout=30)
        return told + self.log.read_text()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    pytest.importorskip("gradio")
    page = Served(tmp_path / "kept")
    yield page
    if page.process.poll() is None:
        page.end()


@pytest.fixture
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    with playwright.sync_playwright() as driver:
        window = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield window
        window.close()


class Visitor:
    """Somebody who has opened the page; notes where the browser asks for anything."""

    def __init__(self, browser: Any, address: str) -> None:
        self.page = browser.new_page()
        self.page.set_default_timeout(60_000)
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_selector("#start")

    def give(self, video: Path, height: str) -> None:
        """Upload a video and start."""
        self.page.set_input_files("#video input[type=file]", str(video))
        self.page.wait_for_selector("#video video")
        self.page.fill(HEIGHT, height)
        self.page.press(HEIGHT, "Tab")
        self.page.click("#start")

    def elsewhere(self) -> list[str]:
        """Return what was asked of others."""
        return [url for url in self.asked if not re.match(r"(https?|wss?)://127\.0\.0\.1:|data:|blob:|about:", url)]

    def download(self, name: str) -> bytes:
        """Return a file that the page offers."""
        with self.page.expect_download() as waiting:
            self.page.click(f"#told a[download='{name}']")
        assert waiting.value.suggested_filename == name
        return Path(waiting.value.path()).read_bytes()


def test_from_upload_to_download(served: Served, browser: Any, tmp_path: Path) -> None:
    video = write_video(tmp_path / "me; rm -rf x.mp4")
    visitor = Visitor(browser, served.address)
    visitor.give(video, "1.7")
    visitor.page.wait_for_selector("#told progress")
    first = visitor.page.frame_locator("#first iframe")
    first.locator("#viewer[data-drawn]").wait_for()  # a first avatar is drawn while the whole one is being made
    assert visitor.page.query_selector("#told progress")
    visitor.page.wait_for_selector("#told iframe")
    assert not visitor.page.query_selector("#first iframe")
    frame = visitor.page.frame_locator("#told iframe")
    assert frame.locator("#said").inner_text() == "it turns: 42"
    assert visitor.page.inner_text("#told .warnings") == "The <b>feet</b> slide."
    assert visitor.download("avatar.glb") == video.read_bytes()[-64:] + b"1.7"
    assert b"--height-m=1.7" in visitor.download("options.txt") and b"rm -rf" not in visitor.download("options.txt")
    assert visitor.elsewhere() == [] and visitor.errors == []
    said = served.end()
    assert "STRANGER" not in said and "Traceback" not in said, said
    assert list(served.folder.iterdir()) == []


def test_the_webcam_films(served: Served, browser: Any) -> None:
    visitor = Visitor(browser.new_context(permissions=["camera"]), served.address)
    visitor.page.click("#video button[aria-label='Capture from camera']")
    visitor.page.get_by_text("Click to Access Webcam").click()
    visitor.page.wait_for_function("document.querySelector('#video video')?.readyState > 2")
    visitor.page.get_by_text("Record", exact=True).click()
    time.sleep(3)
    visitor.page.get_by_text("Stop", exact=True).first.click()
    visitor.page.wait_for_selector("#video video[src^='http']")
    visitor.page.fill(HEIGHT, "1.7")
    visitor.page.press(HEIGHT, "Tab")
    visitor.page.click("#start")
    visitor.page.wait_for_selector("#told iframe, #told .refused")
    assert not visitor.page.query_selector("#told .refused"), visitor.page.inner_text("#told")
    assert b"clip.mkv" in visitor.download("options.txt")
    assert visitor.elsewhere() == [] and visitor.errors == []


@pytest.mark.skipif(not REAL, reason="a whole fit: FIT_AVATAR_REAL_FIT=1 asks for it")
def test_a_real_video_becomes_an_avatar(browser: Any, tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    served = Served(tmp_path / "kept", PROGRAM, max_mb=5)
    visitor = Visitor(browser, served.address)
    visitor.page.get_by_text("fast", exact=True).click()
    visitor.page.get_by_text("More", exact=True).click()
    for label, value in (("Texture, pixels on a side", "512"), ("Frames that are used, at most", "24")):
        visitor.page.get_by_label(label).click()
        visitor.page.get_by_role("option", name=value, exact=True).click()
    visitor.give(DEMO, "1.79")
    visitor.page.wait_for_selector("#told progress")
    visitor.page.wait_for_selector("#told iframe, #told .refused", timeout=900_000)
    assert "m tall" in visitor.page.inner_text("#told")
    glb = visitor.download("avatar.glb")
    assert glb[:4] == b"glTF" and int.from_bytes(glb[8:12], "little") == len(glb)
    frame = visitor.page.frame_locator("#told iframe")
    frame.get_by_role("button", name="Pause").wait_for()  # the viewer has loaded the avatar and plays it
    canvas = frame.locator("canvas").first
    first = canvas.screenshot()
    time.sleep(1)
    assert canvas.screenshot() != first
    assert visitor.elsewhere() == [] and visitor.errors == []
    said = served.end()
    assert "STRANGER" not in said and "Traceback" not in said, said


def test_a_refusal_is_a_sentence_and_the_page_goes_on(served: Served, browser: Any, tmp_path: Path) -> None:
    visitor = Visitor(browser, served.address)
    visitor.page.click("#start")
    visitor.page.wait_for_selector("#told .refused")
    assert "there is no video yet" in visitor.page.inner_text("#told .refused")
    visitor.give(write_video(tmp_path / "a.mp4", frames=2), "1.7")
    visitor.page.wait_for_function("document.querySelector('#told .refused')?.innerText.includes('hardly any')")
    visitor.page.fill(HEIGHT, "9")
    visitor.page.press(HEIGHT, "Tab")
    visitor.page.click("#start")
    visitor.page.wait_for_function("document.querySelector('#told .refused')?.innerText.includes('height')")


def test_two_visitors_get_their_own(served: Served, browser: Any, tmp_path: Path) -> None:
    visitors = [Visitor(browser.new_context(), served.address) for _ in range(2)]
    videos = [write_video(tmp_path / f"{number}.mp4", seed=number) for number in range(2)]
    for number, visitor in enumerate(visitors):
        visitor.give(videos[number], f"1.{number + 6}")
    for number, visitor in enumerate(visitors):
        visitor.page.wait_for_selector("#told iframe")
        assert visitor.download("avatar.glb") == videos[number].read_bytes()[-64:] + f"1.{number + 6}".encode()


@pytest.mark.parametrize("how", ["stop", "close"])
def test_who_stops_or_goes_away_ends_the_job(how: str, served: Served, browser: Any, tmp_path: Path) -> None:
    visitor = Visitor(browser, served.address)
    visitor.give(write_video(tmp_path / "a.mp4"), "1.9")
    visitor.page.wait_for_selector("#told progress")
    assert len(list(served.folder.glob("*/jobs/*"))) == 1
    if how == "stop":
        visitor.page.click("#stop")
    else:
        visitor.page.close()
    end = time.monotonic() + 60
    while list(served.folder.glob("*/jobs/*")):
        assert time.monotonic() < end
        time.sleep(0.2)


def test_only_so_many_may_wait(served: Served, browser: Any, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    visitors = [Visitor(browser, served.address) for _ in range(4)]  # one is served, and two may wait
    for visitor in visitors:
        visitor.give(video, "1.9")
        visitor.page.wait_for_selector("#told progress, #told .progress-text, .toast-body")
    visitors[-1].page.locator(".toast-body", has_text=re.compile("busy|queue", re.IGNORECASE)).wait_for()
    assert len(list(served.folder.glob("*/jobs/*"))) == 1
    assert "STRANGER" not in served.end()  # which ends the job, too
    assert list(served.folder.iterdir()) == []


def ask(url: str, host: str | None = None) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers={} if host is None else {"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_others_are_refused_and_files_are_not_given_out(served: Served) -> None:
    status, headers, page = ask(served.address)
    assert status == 200 and "default-src 'self'" in headers["content-security-policy"]
    assert b"googleapis" not in page and b"cdnjs" not in page
    assert ask(served.address, host="evil.example")[0] == 400
    config = json.loads(ask(f"{served.address}/config")[2])
    assert config["analytics_enabled"] is False and not config.get("is_space")
    for path in (
        "/results/x/../../etc/passwd", f"/results/{'0' * 32}/avatar.glb", "/results/%2e%2e/%2fetc%2fpasswd",
        "/gradio_api/file=/etc/passwd", f"/gradio_api/file={Path(__file__)}", "/openapi.json", "/docs",
        "/gradio_api/proxy=http://example.com", "/monitoring",
    ):  # fmt: skip
        status, _, content = ask(served.address + path)
        assert 400 <= status < 500, (path, status, content[:200])


def test_a_taken_port_and_a_missing_package_are_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = r"nothing can listen at 127\.0\.0\.1:\d+ .*: give another --port"
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BadInputError, match=told):
        serve(AppOptions(port=taken.getsockname()[1]))
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(MissingDependencyError, match="the page needs the package gradio"):
        serve(AppOptions(port=0, folder=tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(BadInputError, match="choose another --folder"):
        serve(AppOptions(port=0, folder=tmp_path / "file"))
