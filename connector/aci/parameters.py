"""The parameters of a request."""

from collections.abc import Iterable, Iterator, Mapping


class Parameters(Mapping[str, str]):
    """Names and values of a request: looked up in any case, listed as the client spelled them.

    Of a repeated name the last value and spelling count, in the place of the first. The repr shows
    names only, since values may be secrets.
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = {name.casefold(): (name, value) for name, value in pairs}

    def __getitem__(self, name: str) -> str:
        return self._pairs[name.casefold()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._pairs.values())

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        return f"Parameters({', '.join(self)})"
