"""Run the benchmarks: `python -m benchmarks [names…] [--quick]`.

A benchmark is a module of this folder with `run(quick: bool) -> list[Row]`. The table goes to the screen, the
same as JSON to `artifacts/benchmarks.json`. What a benchmark lacks is said; the others run all the same.
"""

import argparse
import importlib
import pkgutil
import sys
import traceback
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
    known = names()
    unknown = [name for name in given.names if name not in known]
    if unknown:
        parser.error(f"No benchmark is called {unknown[0]!r}. There are {', '.join(known)}.")
    failed = [name for name in given.names or known if not _told(name, given.quick)]
    sys.exit(f"Not measured: {', '.join(failed)}." if failed else 0)


def names() -> list[str]:
    """Return what there is to run."""
    modules = (found.name for found in pkgutil.iter_modules(benchmarks.__path__) if not found.ispkg)
    return [name for name in modules if name not in ("__main__", "report")]


def _told(name: str, quick: bool) -> bool:
    """Run one and tell its rows, or what keeps it from running."""
    try:
        rows: list[Row] = importlib.import_module(f"benchmarks.{name}").run(quick)
    except ModuleNotFoundError as missing:
        print(f"\n## {name}\n\n{missing.name} is not installed: pip install -e '.[bench]'", flush=True)
        return False
    except Exception:
        print(f"\n## {name}\n\n{traceback.format_exc()}", flush=True)
        return False
    write(FILE, {name: rows})
    print(f"\n## {name}\n\n{table(rows)}", flush=True)
    return True


if __name__ == "__main__":
    main()
