"""The parameters of a request."""

from collections.abc import ItemsView, Iterable, Iterator, Mapping, ValuesView
from typing import Any, TypeVar, overload

T = TypeVar("T")


class Parameters(Mapping[str, str]):
    """Names and values of a request: looked up in any case, listed as the client spelled them.

    Of a repeated name the last value and spelling count, in the place of the first. The repr shows
    names only, since values may be secrets.
    """

    __slots__ = ("_folded", "_sent")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        spelled = {name.casefold(): (name, value) for name, value in pairs}
        self._sent = dict(spelled.values())
        # What Mapping itself would do of this takes several calls for each look.
        self._folded = {name: pair[1] for name, pair in spelled.items()}

    def __getitem__(self, name: str) -> str:
        return self._folded[name.casefold()]

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, default: str, /) -> str: ...
    @overload
    def get(self, name: str, default: T, /) -> str | T: ...
    def get(self, name: str, default: Any = None, /) -> Any:
        """Return the value of a name in any case, or the default."""
        return self._folded.get(name.casefold(), default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.casefold() in self._folded

    def __iter__(self) -> Iterator[str]:
        return iter(self._sent)

    def __len__(self) -> int:
        return len(self._sent)

    def items(self) -> ItemsView[str, str]:
        """Return names as they were sent, with their values."""
        return self._sent.items()

    def values(self) -> ValuesView[str]:
        """Return the values."""
        return self._sent.values()

    def __repr__(self) -> str:
        return f"Parameters({', '.join(self)})"
