"""Run the benchmarks: `python -m benchmarks [names…] [--quick]`.

A benchmark is a module of this folder with `run(quick: bool) -> list[Row]`. The table goes to the screen, the
same as JSON to `artifacts/benchmarks.json`.
"""

import argparse
import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

import benchmarks
from benchmarks.report import Row, table, write

FILE = Path(__file__).resolve().parent.parent / "artifacts" / "benchmarks.json"


def main() -> None:
    """Run those that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=benchmarks.__doc__)
    parser.add_argument("names", nargs="*", help="which; all where none is named")
    parser.add_argument("--quick", action="store_true", help="fewer pictures: to see that it works")
    given = parser.parse_args()
    known = _all()
    unknown = [name for name in given.names if name not in known]
    if unknown:
        parser.error(f"No benchmark is called {unknown[0]!r}. There are {', '.join(known)}.")
    for name in given.names or known:
        rows = known[name](given.quick)
        write(FILE, {name: rows})
        print(f"\n## {name}\n\n{table(rows)}", flush=True)


def _all() -> dict[str, Callable[[bool], list[Row]]]:
    modules = (found.name for found in pkgutil.iter_modules(benchmarks.__path__))
    loaded = {name: importlib.import_module(f"benchmarks.{name}") for name in modules if name != "__main__"}
    return {name: module.run for name, module in loaded.items() if hasattr(module, "run")}


if __name__ == "__main__":
    main()
