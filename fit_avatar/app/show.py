"""What the page says, as HTML in which every text of others is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from fit_avatar.app.jobs import FIRST as FIRST_PAGE
from fit_avatar.app.jobs import Job, Progress
from fit_avatar.batch.outcome import Outcome

RESULTS = "/results"
"""Where results are, followed by a job's token and a file's name."""
FIRST = ("avatar.glb", "preview.png", "overlay.mp4", "avatar.npz")
"""Files that are named first."""
PREVIEW, REPORT = "preview.png", "report.html"


def progress(now: Progress) -> str:
    """Return how far a job is: stages that are done, and the one that runs."""
    done = "".join(f"<li>✓ {escape(name)} <small>{seconds:.1f} s</small></li>" for name, seconds in now.stages)
    if not now.stage:
        return f'<ul class="stages">{done}</ul>'
    counted = f'value="{now.done}" max="{now.total}"' if now.total > 1 else ""
    step = f" · {escape(now.step)}" if now.step and now.step != now.stage else ""
    left = "" if now.left is None else f" <small>{escape(now.left.sentence)}</small>"
    return f'<ul class="stages">{done}<li>{escape(now.stage)}{step} <progress {counted}></progress>{left}</li></ul>'


def first_avatar(token: str) -> str:
    """Return the place where a first avatar turns, until the whole one is there; nothing without one."""
    return token and f"<p>A first avatar, from few small frames:</p>{_frame(f'{RESULTS}/{token}/{FIRST_PAGE}')}"


def refusal(sentence: str) -> str:
    """Return why there is no avatar."""
    return f'<p class="refused" role="alert">{escape(sentence)}</p>'


def result(job: Job, outcome: Outcome) -> str:
    """Return the report with the turning avatar, what the user should know, and the files."""
    place = f"{RESULTS}/{job.token}"
    told = "".join(f"<li>{escape(warning)}</li>" for warning in outcome.warnings)
    notes = f'<ul class="warnings">{told}</ul>' if told else ""
    height = outcome.numbers.get("height_m")
    facts = f"<p>{height:.2f} m tall with hair and shoes, fitted in {outcome.seconds:.0f} s.</p>" if height else ""
    frame = _frame(f"{place}/{REPORT}") if REPORT in job.files else ""
    return f"{facts}{notes}{_links(place, job.files)}{frame}"


def _frame(page: str) -> str:
    return f'<iframe title="The avatar" sandbox="allow-scripts" src="{page}"></iframe>'


def _links(place: str, names: Iterable[str]) -> str:
    ordered = sorted(names, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    links = "".join(
        f'<li><a href="{place}/{escape(name)}?download=1" download="{escape(name)}">{escape(name)}</a></li>'
        for name in ordered
    )
    return f'<ul class="files">{links}</ul>'
