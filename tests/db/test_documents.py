"""Many stored JSON documents are read by one call, each as it would be by itself."""

import pytest

from connector.db.types import stored_documents, stored_json


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ['{"a": 1}'],
        ['{"a": 1}', '{"b": [1, "x"]}', "null"],
        ['{"a": 1}', ""],
        ["{bad", '{"a": 1}'],
        ['{"room":"A"', '"token":"B"}, {"x":1}'],
        ["1, 2, 3", ""],
        ['"a", "b"', '"c"'],
    ],
)
def test_each_is_read_as_it_would_be_by_itself(texts: list[str]) -> None:
    assert stored_documents(texts) == [stored_json(text) for text in texts]


def test_one_that_is_null_is_none() -> None:
    assert stored_documents(['{"a": 1}', None]) == [{"a": 1}, None]
