"""A stage is computed once, and told both times."""

from fit_avatar.io.runner import Runner, under
from fit_avatar.io.store import Store
from fit_avatar.progress import Silent


class Listener(Silent):
    def __init__(self):
        self.heard = []

    def start(self, stage):
        self.heard.append(("start", stage))

    def advance(self, label, done, total):
        self.heard.append((label, done, total))

    def finish(self, stage, seconds, cached):
        self.heard.append(("finish", stage, cached))


def test_a_value_is_kept_and_both_runs_are_told(tmp_path):
    computed = []

    def compute(advance):
        under("half", advance)(1, 2)
        computed.append(1)
        return {"answer": 42}

    for cached in (False, True):
        runner = Runner(Store(tmp_path), Listener())
        stage = runner.run("count", {"of": 1}, compute)
        assert stage.value == {"answer": 42} and stage.cached is cached
        steps = [] if cached else [("half", 1, 2)]
        assert runner.reporter.heard == [("start", "count"), *steps, ("finish", "count", cached)]
        assert [(done["name"], done["kept_from_earlier_run"]) for done in runner.done] == [("count", cached)]
    assert len(computed) == 1


def test_files_are_written_again_when_one_is_gone(tmp_path):
    file = tmp_path / "a.txt"

    def write(advance):
        file.write_text("a")
        return [file]

    for lost, cached in ((False, False), (False, True), (True, False)):
        if lost:
            file.unlink()
        runner = Runner(Store(tmp_path / "cache"), Listener())
        stage = runner.write("note", {}, write)
        assert stage.value == (file,) and stage.cached is cached and file.is_file()


def test_what_keeps_itself_is_timed(tmp_path):
    runner = Runner(Store(tmp_path), Listener())
    assert runner.ready("body", lambda advance: 7) == 7
    assert runner.done[0]["seconds"] >= 0 and not runner.done[0]["kept_from_earlier_run"]
    assert list(tmp_path.iterdir()) == []


def test_without_a_store_everything_is_computed_and_nothing_kept(tmp_path):
    runner = Runner(None, Listener())
    for _ in range(2):
        stage = runner.run("count", {"of": object()}, lambda advance: 42)  # nothing has to be hashed
        assert stage.value == 42 and not stage.cached
    assert runner.write("note", {}, lambda advance: [tmp_path / "a"]).value == (tmp_path / "a",)
    assert [done["name"] for done in runner.done] == ["count", "count", "note"]
