"""The fuzzing script finds faults, and finds none in a few cases of the program."""

import os
import signal

import fuzz
import pytest

from lib.hostile_inputs import Hostile, write_inputs
from lib.sandbox import Outcome, run_forked, snapshot


@pytest.mark.parametrize(
    ("outcome", "changed", "found"),
    [
        (Outcome(0, "", 1.0, 0), [], ""),
        (Outcome(2, "fit-avatar: no\n", 1.0, 0), [], ""),
        (Outcome(2, "warning\nfit-avatar: no\n", 1.0, 0), [], "2 lines"),
        (Outcome(2, "", 1.0, 0), [], "0 lines"),
        (Outcome(1, "Traceback\nKeyError: 1\n", 1.0, 0), [], "exit code 1: ['KeyError: 1']"),
        (Outcome(-11, "", 1.0, 0), [], "killed by signal 11"),
        (Outcome(0, "", 11.0, 0), [], "11.0 s"),
        (Outcome(0, "", 1.0, 3 << 30), [], "1.0 s, 3.00 GB"),
        (Outcome(0, "", 1.0, 0), ["a.mp4"], "changed a.mp4"),
    ],
)
def test_every_kind_of_fault_is_found(outcome, changed, found):
    assert fuzz.fault(outcome, changed).startswith(found) and bool(fuzz.fault(outcome, changed)) == bool(found)


def test_a_child_that_ends_badly_is_survived(tmp_path):
    def crash():
        os.kill(os.getpid(), signal.SIGKILL)

    def fail():
        raise KeyError("x")

    assert run_forked(crash, tmp_path / "log", 10).code == -signal.SIGKILL
    failed = run_forked(fail, tmp_path / "log", 10)
    assert failed.code == 1 and "KeyError" in failed.told
    assert run_forked(lambda: 0, tmp_path / "log", 10).code == 0


def test_changes_are_noticed(tmp_path):
    (tmp_path / "a").write_text("x")
    before = snapshot([tmp_path])
    (tmp_path / "a").write_text("longer")
    (tmp_path / "b").touch()
    after = snapshot([tmp_path])
    assert {path for path in {*before, *after} if before.get(path) != after.get(path)} >= {
        str(tmp_path / "a"), str(tmp_path / "b")
    }  # fmt: skip


def test_cases_follow_from_the_seed(tmp_path):
    write_inputs(tmp_path / "inputs")
    kinds = []
    for k in range(2):
        hostile = Hostile(tmp_path / "inputs", "{}", 3)
        kinds.append([hostile.case(tmp_path / f"{k}-{n}").kind for n in range(40)])
    assert kinds[0] == kinds[1] and len(set(kinds[0])) > 15
