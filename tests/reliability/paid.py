"""paid: the same as trial, as if each run cost money."""

from __future__ import annotations

from reliability.trial import plan, run

__all__ = ["effects", "needs", "plan", "run", "sites"]
needs: tuple[str, ...] = ()
sites = ("paid",)
effects = True
