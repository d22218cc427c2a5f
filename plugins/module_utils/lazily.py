# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Imports of parts of a package without the package's own ``__init__``, where that is slow."""

from __future__ import annotations

import sys
from collections.abc import Collection
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any


def lazily(name: str, runs_for: Collection[str]) -> None:
    """Put a top-level package in place whose ``__init__`` runs when somebody first asks for something of it.

    Its submodules are imported without that, except for those in ``runs_for``, which ``__init__`` imports and which
    its users find there without an import of their own. Nothing happens when the package is imported already.
    Raises ModuleNotFoundError when there is no such package.
    """
    if name in sys.modules:
        return
    spec = find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)
    package = module_from_spec(spec)

    def run(attribute: str) -> Any:
        if attribute not in runs_for and PathFinder.find_spec(f"{name}.{attribute}", package.__path__):
            raise AttributeError(attribute)  # "from package import submodule" then imports it
        del package.__getattr__
        spec.loader.exec_module(package)
        return getattr(package, attribute)

    package.__getattr__ = run
    sys.modules[name] = package
