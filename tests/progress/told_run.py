"""A run that is told to a reporter."""

import logging
from pathlib import Path

from fit_avatar.progress import JsonLines, RunSummary, Silent, Terminal

logger = logging.getLogger("fit_avatar.somewhere")

SUMMARY = RunSummary(
    folder=Path("out"),
    files=(Path("out/report.html"), Path("out/avatar.glb")),
    scale_source="the given height of 1.8 m",
    agreement="agreement over 6 frames: silhouette IoU 0.958",
    warnings=("The feet [both] are cut off.",),
    seconds=63.0,
    peak_memory_gb=1.0,
    numbers=(("height", "1.80 m"), ("least known", "left hand 30 %")),
)


def tell(reporter: Terminal | JsonLines | Silent) -> None:
    """Tell a run of two stages."""
    with reporter:
        reporter.start("observe")
        for done in range(1, 101):
            reporter.advance("Reading the video", done, 100)
        logger.debug("a detail")
        logger.info("term [weight] 1.0")
        logger.warning("the cache cannot be read")
        reporter.finish("observe", 2.345, cached=False)
        reporter.start("texture")
        reporter.finish("texture", 9.0, cached=True)
    reporter.show(SUMMARY)
