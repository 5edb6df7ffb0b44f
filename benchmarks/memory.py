"""What page and kernel hold after many moves of the mouse, beside `interact` and ipympl."""

from collections.abc import Sequence

from benchmarks.page.rows import PEERS, memory_rows
from benchmarks.page.stage import Stage, stages
from benchmarks.page.subjects import BASELINE, CHANNEL, CLIP, LAYER, OPACITY, Subject, peer
from benchmarks.report import Row

WORKS = ("opacity", "layers")
TURNS = 5


def run(quick: bool) -> list[Row]:
    """Return by how much the memory grows; each has a notebook of its own."""
    moves = 50 if quick else 500
    with stages() as opened:
        with opened(["kernel.explorer()"]) as stage:
            stage.painted()
            ours = _grown(stage, (OPACITY, CLIP, CHANNEL, LAYER, BASELINE), moves)
        peers = {}
        for one in PEERS:
            with opened([f"kernel.{one}({work!r})" for work in WORKS]) as stage:
                peers[one] = _grown(stage, [peer(one, work) for work in WORKS], moves)
    return memory_rows(moves, ours, peers)


def _grown(stage: Stage, subjects: Sequence[Subject], moves: int) -> dict[str, tuple[float, float]]:
    """Return the MB before and after."""
    for subject in subjects:
        stage.drag(subject, 5)
    before = stage.memory()
    for _ in range(TURNS):
        for subject in subjects:
            stage.drag(subject, moves // (TURNS * len(subjects)))
    after = stage.memory()
    return {name: (before[name], after[name]) for name in before}
