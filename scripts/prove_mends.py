"""Show that the tests of toughness hold their mends: `.venv/bin/python scripts/prove_mends.py [names…]`.

Each mend is taken out of a copy of the working tree, the bundles are built again where it is the page's, and
its test is run there: it must fail. The table goes to the screen, with what the test said.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CELLS, KERNELS, WORK = (f"tests/browser/test_tough_{name}.py::test_" for name in ("cells", "kernels", "work"))
EXPLAINED = "return remembered(_explained, key, lambda: topics.explain(self, wish))"


@dataclass(frozen=True)
class Mend:
    """A line, what stands there without it, and the tests that fail then."""

    name: str
    path: str
    line: str
    without: str
    tests: Sequence[str]


MENDS = [
    Mend(
        "a comm's replies move its input to the cell's shell",
        "xai_widgets/widgets/base.py",
        'self.comm.__dict__.pop("_reply_subshell_id", None)',
        "pass",
        [f"{CELLS}scrubbing_goes_on_while_a_cell_sleeps"],
    ),
    Mend(
        "a comm of ipykernel 6 keeps no note of shells",
        "xai_widgets/widgets/base.py",
        'self.comm.__dict__.pop("_reply_subshell_id", None)',
        "del self.comm._reply_subshell_id",
        [f"{KERNELS}other_kernels"],
    ),
    Mend(
        "traits travel a second way",
        "js/src/live/client.ts",
        'this.#post({ type: "traits", client: this.id, values });',
        "",
        [f"{CELLS}what_a_page_sets_arrives_though_traits_have_jammed"],
    ),
    Mend(
        "a later view is given what is shown",
        "js/src/live/feed.ts",
        "if (this.#frame) tell([fn], this.#frame);",
        "",
        [f"{CELLS}a_view_that_comes_later_agrees_with_the_first"],
    ),
    Mend(
        "what nobody sees asks nothing",
        "js/src/ui/visibility.ts",
        'if (typeof IntersectionObserver === "undefined") {',
        "if (element) {",
        [f"{CELLS}what_is_out_of_sight", f"{CELLS}a_collapsed_output"],
    ),
    Mend(
        "maps are painted when they are seen",
        "js/src/draw/painter.ts",
        "    for (const sized of [element, ...parts]) resize.observe(sized);\n"
        "    const sight = new IntersectionObserver((entries) => this.#sighted(entries), "
        '{ rootMargin: "200px" });\n    sight.observe(element);\n',
        '    const sight = new IntersectionObserver(() => {}, { rootMargin: "200px" });\n'
        "    this.#sighted;\n",
        [f"{CELLS}what_is_out_of_sight"],
    ),
    Mend(
        "scenes that nobody sees are freed",
        "xai_widgets/widgets/lifetime.py",
        "list(_unseen)[:-UNSEEN]",
        "list(_unseen)[:0]",
        [f"{CELLS}thirty_runs"],
    ),
    Mend(
        "one hub a session and page",
        "js/src/live/hub.ts",
        "holder[KEY] ??= new Hub(channel);\n    return holder[KEY];",
        "holder[KEY] = new Hub(channel);\n    return holder[KEY];",
        [f"{CELLS}twenty_panels"],
    ),
    Mend(
        "a result is remembered",
        "xai_widgets/widgets/scene.py",
        EXPLAINED,
        "return topics.explain(self, wish)",
        [f"{KERNELS}a_reloaded_page"],
    ),
    Mend(
        "the host's word that the kernel is gone",
        "js/src/live/hub.ts",
        'channel.on("comm_live_update", () => this.each((listener) => listener.lived(this.alive)));',
        "",
        [f"{KERNELS}a_restarted_kernel"],
    ),
    Mend(
        "nothing is sent to a dead kernel",
        "js/src/live/client.ts",
        "if (matters && !this.#gone()) this.model.send(message);",
        "if (matters) this.model.send(message);",
        [f"{KERNELS}a_restarted_kernel"],
    ),
    Mend(
        "the network is given back after an interrupt",
        "xai_widgets/model/hooks.py",
        "            parameter.requires_grad_(False)\n        yield\n",
        "            parameter.requires_grad_(False)\n"
        "        try:\n            yield\n        except KeyboardInterrupt:\n            undo.pop_all()\n"
        "            raise\n",
        [f"{KERNELS}an_interrupt"],
    ),
    Mend(
        "what may be lost is asked for again",
        "js/src/live/feed.ts",
        "    this.host.again(this.topic, this.#seq, this.#params);\n    this.#silence",
        "    this.#silence",
        [f"{KERNELS}a_line_that_was_cut"],
    ),
    Mend(
        "a selection is told until it is confirmed",
        "js/src/live/client.ts",
        "if (this.#closed || !hub.alive) return;",
        "return;",
        [f"{KERNELS}a_line_that_was_cut"],
    ),
    Mend(
        "a view that waits for a cell says so",
        "js/src/live/client.ts",
        "(this.welcome?.waits ? WAITS : SILENT)",
        "SILENT",
        [f"{KERNELS}lab_takes_comms", f"{KERNELS}other_kernels[6]"],
    ),
    Mend(
        "a slow kernel is told from a lost one",
        "xai_widgets/widgets/scene.py",
        'if not self.session.goes_on(client, message["topic"], message["seq"]):',
        "if False:",
        [f"{WORK}five_seconds"],
    ),
    Mend(
        "what was cancelled ends in the kernel",
        "xai_widgets/live/session.py",
        "        self._scheduler.cancel(lambda other: other in keys)\n",
        "",
        [f"{WORK}five_seconds"],
    ),
    Mend(
        "a failure on the way is told",
        "xai_widgets/live/scheduler.py",
        "job.follower.failed(error)",
        "pass",
        [f"{WORK}a_failure"],
    ),
    Mend(
        "the page reads only what is well formed",
        "js/src/live/hub.ts",
        "if (!isFromKernel(content)) return;",
        "if (!isFromKernel(content) && false) return;",
        [f"{WORK}after_any_messages"],
    ),
    Mend(
        "the kernel reads only what is well formed",
        "xai_widgets/live/messages.py",
        "            return None\n    return content",
        "            pass\n    return content",
        [f"{WORK}after_any_messages"],
    ),
    Mend(
        "what can't be done is answered",
        "xai_widgets/widgets/scene.py",
        '            told = messages.failure(error)\n            self.session.tell({"type": "error",',
        '            raise\n            self.session.tell({"type": "error",',
        [f"{WORK}after_any_messages"],
    ),
]


def main() -> int:
    """Take out each, or those whose names hold a word that was given; return how many went unnoticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="words of the names; all where none is given")
    words = parser.parse_args().names
    chosen = [mend for mend in MENDS if not words or any(word in mend.name for word in words)]
    unnoticed = 0
    with tempfile.TemporaryDirectory(prefix="xai-widgets-mends-") as folder:
        tree = copied(Path(folder))
        for mend in chosen:
            noticed, said = tried(tree, mend)
            unnoticed += not noticed
            print(f"{'fails' if noticed else 'PASSES':8}{mend.name:52}{said}", flush=True)
    return unnoticed


def copied(tree: Path) -> Path:
    """Copy what git knows and what is built."""
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True)
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    static = "xai_widgets/widgets/static"
    shutil.copytree(ROOT / static, tree / static)
    for name in ("js/node_modules", ".kernels"):
        (tree / name).symlink_to(ROOT / name)
    return tree


def tried(tree: Path, mend: Mend) -> tuple[bool, str]:
    """Return whether each of the tests fails without the mend, and what they said."""
    path = tree / mend.path
    source = path.read_text("utf-8")
    if source.count(mend.line) != 1:
        return False, f"stands {source.count(mend.line)} times in {mend.path}"
    path.write_text(source.replace(mend.line, mend.without), "utf-8")
    try:
        built(tree, mend)
        said = [failure(tree, test) for test in mend.tests]
        return all(said), "; ".join(one or "(passed)" for one in said)
    finally:
        path.write_text(source, "utf-8")
        built(tree, mend)


def built(tree: Path, mend: Mend) -> None:
    """Build the bundles where the mend is in them."""
    if mend.path.startswith("js/"):
        subprocess.run([sys.executable, "js/npm.py", "build"], cwd=tree, check=True, capture_output=True)


def failure(tree: Path, test: str) -> str:
    """Return the first failure of the tests whose names begin so, "" where all passed."""
    file, _, name = test.partition("::")
    words = " and ".join(re.findall(r"\w+", name))
    options = ["-x", "-q", "--no-cov", "-p", "no:cacheprovider", "-k", words]
    command = [sys.executable, "-m", "pytest", *options, file]
    ran = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    if ran.returncode == 0:
        return ""
    if ran.returncode != 1:
        raise SystemExit(f"pytest could not run {test}:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    found = re.findall(r"^E\s+(.+)$", ran.stdout, re.MULTILINE) or ["?"]
    return found[0][:100]


if __name__ == "__main__":
    sys.exit(main())
