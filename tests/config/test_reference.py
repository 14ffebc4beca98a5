import re
from collections.abc import Callable

from connector.config import Loaded
from connector.config.load import setting_keys
from connector.config.reference import example, render
from connector.config.settings import LISTS, SECTIONS
from connector.config.values import setting_of

Load = Callable[..., Loaded]


def test_every_setting_says_what_it_means() -> None:
    for model in SECTIONS.values():
        for name, field in model.model_fields.items():
            setting = setting_of(field)
            assert name == "name" or (setting and setting.meaning.endswith(".")), name


def test_the_page_has_a_row_with_key_and_variable_for_every_setting() -> None:
    page = render()
    for section, model in SECTIONS.items():
        assert f"\n## [{section}]\n" in page
        for key in setting_keys(model):
            assert f"`{key}`" in page
            place = f"<{LISTS[section]}>" if section in LISTS else section.upper()
            variable = key.upper().replace("-", "_")
            assert f"`CONNECTOR_{place}_{variable}`" in page


def test_every_row_of_the_page_has_all_its_cells() -> None:
    rows = [line for line in render().splitlines() if line.startswith("| `")]
    cells = {len(re.split(r"(?<!\\)\|", row)) for row in rows if "`CONNECTOR_" in row}
    assert cells == {8}


def test_the_page_tells_defaults_as_people_write_them() -> None:
    page = render()
    assert "| bytes | `16 MiB` |" in page
    assert "| seconds | `5` |" in page
    assert "| `true` |" in page
    assert "`<DataDirectory>/documents/<TASK>`" in page


def test_the_example_loads_with_all_defaults_and_no_warning(loaded: Load) -> None:
    result = loaded(example())
    assert result.warnings == ()
    assert set(result.sources) == set()
    assert [task.name for task in result.settings.tasks] == ["MYTASK"]


def test_the_example_loads_with_every_line_uncommented(loaded: Load) -> None:
    text = re.sub(r"^//(?=\S+=|\[)", "", example(), flags=re.MULTILINE)
    result = loaded(text)
    assert result.warnings == ()
    expected = sum(len(model.model_fields) for model in SECTIONS.values()) - 2
    assert len(result.sources) >= expected


def test_defaults_in_the_example_are_the_defaults(loaded: Load) -> None:
    text = re.sub(r"^//(?=\S+=|\[)", "", example(), flags=re.MULTILINE)
    assert loaded(text).settings.server == loaded().settings.server
    nobody = dict.fromkeys(("on_start", "on_finish", "on_error", "on_error_report"), "")
    nobody["on_queue_event"] = ""
    assert loaded(text).settings.actions.model_copy(update=nobody) == loaded().settings.actions
    assert loaded(text).settings.worker == loaded().settings.worker
    assert loaded(text).settings.logging == loaded().settings.logging
