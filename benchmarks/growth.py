"""How the time to the pixels grows with the number of channels and images and with the size of a map."""

from dataclasses import dataclass, replace

from benchmarks.page.rows import drag_rows
from benchmarks.page.stage import stages
from benchmarks.page.subjects import IMAGE, LAYER, OPACITY, Subject
from benchmarks.report import Row

TWO_FRAMES = 2 * 1000 / 60


@dataclass(frozen=True)
class Growth:
    """What grows, to which sizes, and what is done then; all is seen already."""

    name: str
    argument: str
    sizes: tuple[int, ...]
    subject: Subject


GROWTHS = (
    # The dozen layers stand at the left of the rail.
    Growth("another layer, channels", "channels", (64, 256, 1024), replace(LAYER, span=(0.02, 0.34))),
    Growth("opacity, pixels a side", "side", (96, 224, 448), OPACITY),
    Growth("another image, images", "images", (4, 16, 64), IMAGE),
)


def run(quick: bool) -> list[Row]:
    """Return the time of a move at each size."""
    rows = []
    with stages() as opened:
        for growth in GROWTHS:
            for size in growth.sizes:
                with opened([f"kernel.grown({growth.argument}={size})"]) as stage:
                    stage.painted()
                    stage.drag(growth.subject, len(growth.subject.way))
                    found = stage.drag(growth.subject, 6 if quick else 60)
                rows += drag_rows(f"{growth.name}: {size}", found, most_ms=TWO_FRAMES)
    return rows
