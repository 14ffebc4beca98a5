import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from connector.aci.tree import MAX_DEPTH, TOO_DEEP, Tree
from connector.aci.xml import document, element, xml_name

ACI = "http://schemas.autonomy.com/aci/"

_TEXT = st.text(st.characters())  # lone surrogates and control characters included
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | _TEXT
_KEYS = _TEXT | _TEXT.map("@{}".format) | st.sampled_from(["$", "@xmlns", "autn:pid", "@autn:x"])
_TREES: st.SearchStrategy[Tree] = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner), max_leaves=20
)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def parsed(text: str) -> etree._Element:
    return etree.fromstring(text.encode(), etree.XMLParser(no_network=True, huge_tree=True))


@settings(max_examples=40)
@given(_TEXT, st.dictionaries(_KEYS, _TREES))
def test_any_reply_is_well_formed_with_its_three_children(
    action: str, data: dict[str, Tree]
) -> None:
    root = parsed(document(action, "SUCCESS", data))
    assert root.tag == "autnresponse" and root.nsmap == {"autn": ACI}
    assert [child.tag for child in root] == ["action", "response", "responsedata"]
    assert all(etree.QName(one).namespace in (None, ACI) for one in root.iter(etree.Element))


@given(_TEXT)
@example("\r\n\t ]]>&amp;<")
def test_text_comes_back_with_only_what_xml_cannot_carry_replaced(content: str) -> None:
    read = parsed(element("v", {"@a": content, "$": content}))
    assert (read.text or "") == read.get("a") == _FORBIDDEN.sub("\ufffd", content)


@given(_TEXT, _TEXT)
def test_different_keys_stay_different_names(one: str, other: str) -> None:
    assert one == other or not one or not other or xml_name(one) != xml_name(other)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("status", "status"),
        ("autn:pid", "autn:pid"),
        ("Room-1.a_b", "Room-1.a_b"),
        ("a b", "a_x0020_b"),
        ("1st", "_x0031_st"),
        ("x:y", "x_x003A_y"),
        ("autn:", "autn_x003A_"),
        ("_x0020_", "_x005F_x0020_"),
        ("é", "_x00E9_"),
        ("😀", "_x1F600_"),
        ("", "_"),
    ],
)
def test_a_key_becomes_a_name(key: str, name: str) -> None:
    assert xml_name(key) == name


def test_a_result_cannot_declare_a_namespace() -> None:
    assert element("v", {"@xmlns": "urn:x", "@xmlns:autn": "urn:y"}, "") == (
        '<v _x0078_mlns="urn:x" xmlns_x003A_autn="urn:y"/>'
    )


def test_attributes_are_in_alphabetical_and_elements_in_given_order() -> None:
    tree: Tree = {"b": 1, "@task": "T", "a": [2, 3], "@errors": 0}
    assert element("v", tree, "") == '<v errors="0" task="T"><b>1</b><a>2</a><a>3</a></v>'


def test_scalars_have_one_spelling() -> None:
    tree: Tree = [True, False, None, 26.407, 10**20, ""]
    assert element("v", tree, "") == (
        "<v>true</v><v>false</v><v/><v>26.407</v><v>100000000000000000000</v><v/>"
    )


def test_lists_in_lists_are_joined_and_empty_ones_leave_nothing() -> None:
    assert element("v", [[1, [2]], [], [[3]]], "") == "<v>1</v><v>2</v><v>3</v>"
    assert element("v", {"w": []}, "") == "<v/>"


def test_an_element_with_text_keeps_its_white_space() -> None:
    assert element("v", {"$": " a", "w": {"x": 1}}) == "\n<v> a<w><x>1</x></w></v>"


def test_what_is_nested_too_deeply_is_cut_and_said() -> None:
    deep: Tree = "bottom"
    for _ in range(5000):
        deep = {"v": [deep]}
    root = parsed(document("X", "SUCCESS", {"v": deep, "@a": deep}))
    depth = int(root.xpath("count(//v)"))
    assert depth == MAX_DEPTH
    assert root.xpath("string(//v[not(v)])") == TOO_DEEP
