"""The Jinja2 environment: a project's own templates shadow the shipped ones file by file."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import jinja2
import jinja2.meta

from ledger.errors import Problem
from ledger.files import resource
from ledger.fingerprint import digest_bytes, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ledger.project.settings import Project


class Templates:
    """The templates of a project: rendering, and digests that tell when one has changed."""

    def __init__(self, project: Project) -> None:
        self.folders = (project.templates, resource("templates"))
        site = project.settings.site
        self._site = {"title": site.title, "language": site.language}
        self.environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([str(folder) for folder in self.folders]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            bytecode_cache=_bytecode_cache(project.state),
        )
        self.environment.globals["site"] = self._site
        self._loaded: dict[str, jinja2.Template] = {}
        self._one_digest = cache(self._closure_digest)
        self._digest = cache(
            lambda names: fingerprint([self._one_digest(name) for name in names], self._site)
        )

    def render(self, name: str, **values: object) -> str:
        """The template `name`, rendered with `values`."""
        template = self._loaded.get(name)
        if template is None:
            template = self._loaded[name] = self.environment.get_template(name)
        return template.render(**values)

    def digest(self, *names: str) -> str:
        """Digest of what these templates look like: they, all they refer to, and `[site]`."""
        return self._digest(names)

    def read_bytes(self, name: str) -> bytes:
        """A file that is copied as it is, such as the style sheet."""
        return self._find(name).read_bytes()

    def check(self, names: Iterable[str]) -> list[Problem]:
        """Compile the templates `names` and all they refer to; what is wrong with them."""
        problems = []
        for name in sorted(names):
            try:
                self.environment.get_template(name)
                self.digest(name)
            except jinja2.TemplateSyntaxError as error:
                where = f"templates/{error.name or name}:{error.lineno}"
                problems.append(Problem(where, str(error.message), "fix the template"))
            except jinja2.TemplateNotFound as error:
                problems.append(
                    Problem(f"templates/{name}", f"refers to {error}, which is not there",
                            "add the file, or remove your own copy to use the shipped one")
                )  # fmt: skip
        return problems

    def _find(self, name: str) -> Path:
        for folder in self.folders:
            if (folder / name).is_file():
                return folder / name
        raise jinja2.TemplateNotFound(name)

    def _closure_digest(self, name: str) -> str:
        """Digest of a template and of all that it extends, includes or imports, directly or not."""
        digests: dict[str, str] = {}
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current not in digests:
                source = self._find(current).read_bytes()
                digests[current] = digest_bytes(source)
                tree = self.environment.parse(source.decode("utf-8"), current)
                waiting += filter(None, jinja2.meta.find_referenced_templates(tree))
        return fingerprint(digests)


def _bytecode_cache(state: Path) -> jinja2.BytecodeCache | None:
    """Compiled once by the coordinator, not once by every worker."""
    folder = state / "templates"
    return jinja2.FileSystemBytecodeCache(str(folder)) if folder.is_dir() else None
