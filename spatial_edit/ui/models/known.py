"""The models that the app draws with: a mapping that can be read anew while pages are open."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import TypeVar

Row = TypeVar("Row")


class KnownModels(Mapping[str, Row]):
    """Name → registry row, in the order of `read`. Every look sees one whole state: `refresh` makes a new one
    and puts it in the old one's place, in one step. Safe to use from several threads."""

    def __init__(self, read: Callable[[], Mapping[str, Row]]) -> None:
        self._read = read
        self._now: dict[str, Row] = dict(read())

    def refresh(self) -> None:
        """Read them anew; a disk that cannot be read leaves what was known."""
        try:
            self._now = dict(self._read())
        except OSError:
            return

    def __getitem__(self, name: str) -> Row:
        return self._now[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now)

    def __len__(self) -> int:
        return len(self._now)

    def keys(self) -> KeysView[str]:
        return self._now.keys()

    def values(self) -> ValuesView[Row]:
        return self._now.values()

    def items(self) -> ItemsView[str, Row]:
        return self._now.items()
