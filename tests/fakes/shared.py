"""Shared settings in memory."""

from __future__ import annotations

from collections.abc import Mapping

from kenspeckle.ports import SharedKind


class FakeSharedSettings:
    """`ports.SharedSettings` in memory."""

    def __init__(self) -> None:
        self._shared: dict[tuple[SharedKind, str], str] = {}

    def shared(self, kind: SharedKind) -> Mapping[str, str]:
        return {name: value for (of, name), value in sorted(self._shared.items()) if of is kind}

    def offer_shared(self, kind: SharedKind, values: Mapping[str, str], now: float) -> Mapping[str, str]:
        for name, value in values.items():
            self._shared.setdefault((kind, name), value)
        return self.shared(kind)

    def set_shared(self, kind: SharedKind, name: str, value: str, now: float) -> str | None:
        before = self._shared.get((kind, name))
        self._shared[kind, name] = value
        return before

    def remove_shared(self, kind: SharedKind, name: str) -> str | None:
        return self._shared.pop((kind, name), None)
