"""Clips on Ray's own local cluster: a killed worker loses nothing, and Ray reports to nobody."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fit_avatar.batch.on_ray import load_ray
from fit_avatar.batch.options import BatchOptions
from fit_avatar.batch.run import BatchSummary
from fit_avatar.errors import BadInputError, MissingDependencyError
from tests.batch.conftest import STAND_IN

Batch = Callable[..., BatchSummary]
Clips = Callable[..., Path]
REPORTS = """
import os, time, importlib
os.environ["RAY_USAGE_STATS_ENABLED"] = "1"  # even if somebody has switched them on
from pathlib import Path
from fit_avatar.batch.on_ray import load_ray
ray = load_ray()
usage = importlib.import_module("ray._common.usage.usage_lib")
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
inside = ray.get(ray.remote(lambda: os.environ["RAY_USAGE_STATS_ENABLED"]).remote())
print(usage.usage_stats_enabled(), usage.usage_stats_prompt_enabled(), inside)
def children(pid):
    tasks = Path(f"/proc/{pid}/task").iterdir()
    found = [int(each) for task in tasks for each in (task / "children").read_text().split()]
    return [pid, *(each for child in found for each in children(child))]
inodes = set()
for pid in children(os.getpid()):
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try: name = os.readlink(handle)
        except OSError: continue
        if name.startswith("socket:"): inodes.add(name[8:-1])
lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
ours = [line[1].split(":")[0] for line in lines if line[9] in inodes]
print(len(ours) > 3, set(ours) <= {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"})
"""


def test_without_ray_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"--ray needs the package ray .*: install it with `.* ray`"):
        load_ray()


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="Linux tells who is connected with whom")
def test_ray_reports_to_nobody_and_listens_to_this_machine_alone() -> None:
    pytest.importorskip("ray")
    told = subprocess.run([sys.executable, "-c", REPORTS], capture_output=True, text=True, check=True, timeout=120)
    assert told.stdout.split() == ["False", "False", "0", "True", "True"]


def test_a_killed_worker_loses_nothing(
    batch: Batch, clips: Clips, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray")
    texts = {f"c{number:02}": f"good {number}" for number in range(12)}
    texts |= {"c03": "kill the worker", "c05": "die once", "c07": "fail"}
    summary = batch(clips(**texts), BatchOptions(ray="local", memory_gb=0.2), texture_size=64)
    found = {outcome.name: outcome for outcome in summary.outcomes}
    assert {name for name, outcome in found.items() if outcome.state != "done"} == {"c07"}
    assert found["c07"].reason == "nobody is in it"
    assert [found[name].attempts for name in ("c03", "c05", "c07", "c00")] == [2, 2, 1, 1]
    for name in sorted(set(texts) - {"c07"}):
        alone = tmp_path / "alone" / name
        words = [f"--video={tmp_path / 'clips' / name}.mp4", "--device=cpu", "--texture-size=64", "--out", str(alone)]
        alone.mkdir(parents=True)
        (alone / "tried").touch()  # so that nothing is killed
        subprocess.run([*STAND_IN, *words, "--log", "json"], check=True, capture_output=True)
        assert (alone / "avatar.glb").read_bytes() == (tmp_path / "out/clips" / name / "avatar.glb").read_bytes()
    assert json.loads((tmp_path / "out/clips/c00/metrics.json").read_text())["threads"] == "1"
    told = capfd.readouterr()
    assert "usage stat" not in (told.out + told.err).lower()
    assert batch(clips(), BatchOptions(ray="local", memory_gb=0.2), texture_size=64).kept == 11


def test_clips_that_always_die_are_given_up(batch: Batch, clips: Clips) -> None:
    pytest.importorskip("ray")
    summary = batch(clips(a="die always", b="good"), BatchOptions(ray="local", retries=1, memory_gb=0.2))
    a, b = summary.outcomes
    assert (a.state, a.attempts, b.state) == ("failed", 2, "done") and "was killed or lacked memory" in a.reason


def test_a_cluster_that_is_not_there_is_one_sentence(batch: Batch, clips: Clips) -> None:
    pytest.importorskip("ray")
    with pytest.raises(BadInputError, match=r"there is no Ray cluster at .*: start one with `ray start --head`"):
        batch(clips(a="good"), BatchOptions(ray="auto"))


def test_a_card_that_no_machine_has_is_one_sentence(batch: Batch, clips: Clips) -> None:
    pytest.importorskip("ray")
    with pytest.raises(BadInputError, match=r"--gpu 0.5 is asked for, but the Ray cluster has no such graphics card"):
        batch(clips(a="good"), BatchOptions(ray="local", gpu=0.5))
