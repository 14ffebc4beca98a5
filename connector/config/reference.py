"""The settings page and the example file, made from the models."""

from collections.abc import Iterator
from inspect import cleandoc
from textwrap import wrap

from pydantic.fields import FieldInfo

from connector.config.sections import SectionModel
from connector.config.settings import LISTS, NAMED, SECTIONS, keys
from connector.config.sources import NATIVE_TOKEN, environment_name
from connector.config.values import Setting, expected, form_of, setting_of

BY_REQUEST = "*A request may set it.*"

_INTRODUCTION = f"""\
# Settings

Made from the code by `connector.config.reference`; do not edit.

The file is `webex-connector.cfg` in the current folder, or the one that `--config` or the
environment variable `CONNECTOR_CONFIG` names. Every setting has a default, so no file is needed.

* A value in the file gives way to the environment, that to the command line. The variable of
  `[Section] Key` is `CONNECTOR_SECTION_KEY`; signs in the names become `_`.
* Each section is put together from these three first. Then a task's own section wins over
  `[FetchTasks]`, and an action's own section over `[Actions]`.
* A secret may stand in a file of its own, named by the key with `File` after it. One of the two
  may be set, not both. `{NATIVE_TOKEN}` is taken for `[Webex] AccessToken` where neither
  `CONNECTOR_` variable is set, and wins over the file.
* Names of sections and keys are the same in any case. An empty value means the default (an empty
  variable is as good as none). Unknown names cause a warning, wrong values an error.
* Yes or no is `true`, `on`, `yes`, `y`, `1` or `false`, `off`, `no`, `n`, `0`.
* Sizes are bytes, or a number with `KiB`, `MiB` or `GiB`.
* Lists are separated by commas; `"a,b"` or `a\\,b` keeps a comma. A list's key may be repeated.
* A setting with the words {BY_REQUEST} may also come
  [with a request](configuration.md#settings-for-one-request), for its action alone.
* Relative paths start at the folder of the configuration file; in the environment and on the
  command line, at the current folder.

The form of the file:

```ini
// A comment has a line of its own, which begins with // or #.
[Webex]
BaseURL=https://webexapis.com/v1
// The other file is found relative to this one.
[Server] < "shared.cfg" [OurServers]
Port=7023
```

| Include | What it brings |
|---|---|
| `< "file"` | all of the file, at this place |
| `< "file" [Other]` | its section `[Other]`, heading included |
| `< "file" [Other] Key` | one key (or `Ke*`) into the section that is open |
| `< "file" [Other] Key=7` | the same, with a value for when it is not there |
| `[Section] < "file" [Other]` | the keys of `[Other]`; what follows wins over them |
| `[Section] < "file"` | the keys of `[Section]` there |
"""


def render() -> str:
    """The text of ``docs/settings.md``."""
    sections = [*SECTIONS.items(), *((name, model) for name, (_, model) in NAMED.items())]
    return "\n".join([_INTRODUCTION, *(_section(name, m) for name, m in sections)])


def example() -> str:
    """A configuration file with every key, commented out at its default, and one task."""
    lines = [
        "// Configuration of the Webex Connector. Every key is shown with its default,",
        "// or with an example where it has none; take away the // to set it.",
        "",
    ]
    sections = [*SECTIONS.items(), *((name, model) for name, (_, model) in NAMED.items())]
    for name, model in sections:
        lines.append(f"//[{name}]" if name in NAMED else f"[{name}]")
        if name == "FetchTasks":
            lines += ["Number=1", "0=MyTask", "", "[MyTask]"]
        if name == "AuthorizationRoles":
            lines += ["//0=MyRole", "//[MyRole]"]
        for key, field, setting in _settings(model):
            lines += [f"// {line}" for line in wrap(_comment(key, setting), 96)]
            lines.append(f"//{key}={setting.example or _default(field, setting)}")
        lines.append("")
    return "\n".join(lines)


def _section(name: str, model: type[SectionModel]) -> str:
    rows = [
        f"## [{name}]",
        "",
        cleandoc(model.__doc__ or ""),
        "",
        "| Key | Value | Unit | Default | Meaning | Environment |",
        "|---|---|---|---|---|---|",
    ]
    for key, field, setting in _settings(model):
        default = _default(field, setting)
        variable = environment_name(name, key)
        if name in LISTS:
            variable = variable.replace(name.upper(), f"<{LISTS[name]}>", 1)
        if name in NAMED:
            variable = variable.replace(name.upper(), f"<{NAMED[name][0]}>", 1)
        if form_of(field).secret:
            key, variable = f"{key}`, `{key}File", f"{variable}`, `{variable}FILE"
        cells = (
            f"`{key}`",
            _cell(expected(field)),
            setting.unit,
            f"`{default}`" if default else "",
            _cell(setting.meaning + (f" {BY_REQUEST}" if setting.by_request else "")),
            f"`{variable}`",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([*rows, ""])


def _settings(model: type[SectionModel]) -> Iterator[tuple[str, FieldInfo, Setting]]:
    for name, key in keys(model).items():
        field = model.model_fields[name]
        if setting := setting_of(field):
            yield key, field, setting


def _comment(key: str, setting: Setting) -> str:
    text = setting.meaning.replace("`", "")
    told = not setting.unit or setting.unit in key.lower()
    return text if told else f"{text} Unit: {setting.unit}."


def _default(field: FieldInfo, setting: Setting) -> str:
    if setting.default or field.is_required():
        return setting.default
    match field.default:
        case bool(value):
            return "true" if value else "false"
        case int(value) if value >= 1 << 20 and value % (1 << 20) == 0:
            return f"{value >> 20} MiB"
        case int(value) if value >= 1 << 10 and value % (1 << 10) == 0:
            return f"{value >> 10} KiB"
        case float(value):
            return f"{value:g}"
        case None | ():
            return ""
        case value:
            return str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
