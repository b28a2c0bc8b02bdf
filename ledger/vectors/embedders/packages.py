"""Models inside installed packages: found and tried without importing the package."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.errors import JobError, Problem
from ledger.process.packages import library
from ledger.vectors.embedders.base import Text, setting

if TYPE_CHECKING:
    from types import ModuleType

    from ledger.vectors.embedders.base import Embedder


def version_of(package: str) -> str:
    """Return the installed version of `package`; "" if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def file_in(package: str, name: str, remedy: str) -> Path:
    """Return the path of the file `name` of an installed package.

    Raises:
        JobError: the package or the file is missing; `remedy` is how to install it.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise JobError(f"the package {package} is not installed", remedy=remedy)
    path = Path(spec.submodule_search_locations[0]) / name
    if not path.is_file():
        what = f"the package {package} {version_of(package)} holds no {name}"
        raise JobError(what, remedy=remedy)
    return path


def tokenizers_library() -> ModuleType:
    """Import `tokenizers`, limited to one thread like everything in a worker."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    return library("tokenizers", "pip install 'tokenizers>=0.21'")


def trial(embedder: Embedder) -> list[Problem]:
    """Embed one text; report a failure as a problem."""
    try:
        embedder.embed([Text("trial", "", "a trial")])
    except JobError as error:
        return [Problem(setting("embedder"), error.what, error.remedy)]
    return []
