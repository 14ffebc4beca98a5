"""Making a section's model from the values given, with every fault noted."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from connector.config.addresses import shown_url
from connector.config.ini import fold
from connector.config.secrecy import quotable, sounds_secret
from connector.config.secrets import is_readable_by_others, read_secret
from connector.config.sections import SectionModel
from connector.config.settings import keys
from connector.config.sources import Given, Layer, Table
from connector.config.values import MASK, Form, expected, form_of

Model = TypeVar("Model", bound=SectionModel)


class Builder:
    """Reads models out of a table of given values.

    ``folder`` is where relative paths of the file start; those of the environment and flags start
    at the current folder. None is for a text that somebody has sent: no file is looked at, whatever
    names one. Collects ``problems``, ``warnings`` and ``sources`` ("Section.Key" →
    where its value came from).
    """

    def __init__(self, table: Table, folder: Path | None) -> None:
        self.table = table
        self.folder = folder
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.sources: dict[str, str] = {}

    def build(
        self,
        model: type[Model],
        sections: Sequence[str],
        fixed: Mapping[str, object] | None = None,
    ) -> Model | None:
        """Build a section's model; None when a problem was noted.

        Args:
            model: the section's model.
            sections: names to look a key up in, the winner first.
            fixed: values by field name that hold where nothing is given.
        """
        before = len(self.problems)
        values = dict(fixed or {})
        chosen: dict[str, Given] = {}
        refused: set[str] = set()
        for name, key in keys(model).items():
            form = form_of(model.model_fields[name])
            given = self._find(sections, key, form)
            if given is None or not (any(given.values) if form.many else _unquoted(given)):
                continue
            try:
                values[name] = self._read(given, form, key)
            except ValueError as error:
                self._wrong(given, form, str(error))
                refused.add(name)
                continue
            chosen[name] = given
            self.sources[f"{sections[0]}.{key}"] = given.source
        try:
            built = model.model_validate(values)
            return built if len(self.problems) == before else None
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                name = str(fault["loc"][0])
                if name in refused:
                    continue
                given, field = chosen[name], model.model_fields[name]
                told = fault["ctx"]["error"] if fault["type"] == "value_error" else None
                self._wrong(given, form_of(field), str(told or _hint(given, field)))
            return None

    def _find(self, sections: Sequence[str], key: str, form: Form) -> Given | None:
        for section in sections:
            given = self.table.get(section, key)
            file = self.table.get(section, key + "File") if form.secret else None
            if given and file and given.layer == file.layer and given.text and file.text:
                self.problems.append(
                    f"[{section}] {key} ({given.source}) and {key}File ({file.source}) are both "
                    f"set: expected one of them"
                )
            if given and file:
                given = max(file, given, key=lambda g: (bool(g.text), g.layer))
            if given or file:
                return given or file
        return None

    def _read(self, given: Given, form: Form, key: str) -> object:
        # Bytes of the environment that are no UTF-8 come as surrogates, which no JSON can carry.
        if any("\ud800" <= c <= "\udfff" or c == "\0" for c in "".join(given.values)):
            raise ValueError("expected UTF-8 text without NUL")
        if form.secret:
            return self._secret(given, key)
        if form.many:
            return ",".join(given.values)
        self._note_repeats(given)
        text = _unquoted(given)
        return self._path(text, given) if form.path else text

    def _secret(self, given: Given, key: str) -> str:
        self._note_repeats(given)
        if fold(given.key) == fold(key):
            secret = _unquoted(given)
            if given.places and shown_url(secret) != secret:
                self._note_readable(Path(given.places[-1][0]), given)
            return secret
        if self.folder is None:
            raise ValueError("no file is read for a text that was sent; leave it out")
        path = self._path(_unquoted(given), given)
        secret = read_secret(path)
        self._note_readable(path, given)
        return secret

    def _note_readable(self, path: Path, given: Given) -> None:
        if self.folder is not None and is_readable_by_others(path):
            self.warnings.append(
                f"[{given.section}] {given.key} ({given.source}): the secret in {path} can be read "
                f"by all users of this machine; chmod 600 keeps it to the owner"
            )

    def _path(self, text: str, given: Given) -> Path:
        if self.folder is None:
            return Path("/") / text  # "~" would tell whether there is a user of that name
        base = self.folder if given.layer is Layer.FILE else Path.cwd()
        try:
            return (base / Path(text).expanduser()).absolute()
        except RuntimeError:
            raise ValueError("expected a folder of a user who exists after ~") from None

    def _note_repeats(self, given: Given) -> None:
        files = [file for file, _ in given.places]
        if files.count(files[-1] if files else "") > 1:
            places = ", ".join(source for _, source in given.places)
            self.warnings.append(
                f"[{given.section}] {given.key} is set more than once ({places}): the last counts"
            )

    def _wrong(self, given: Given, form: Form, what: str) -> None:
        is_file = form.path or (form.secret and fold(given.key).endswith("file"))
        hidden = not is_file and (form.secret or sounds_secret(given.key))
        shown = MASK if hidden else f'"{quotable(given.text)}"'
        self.problems.append(f"[{given.section}] {given.key} ({given.source}) is {shown}: {what}")


def _hint(given: Given, field: FieldInfo) -> str:
    text = f"expected {expected(field)}"
    if given.layer is Layer.FILE and " //" in given.text:
        text += "; a comment needs a line of its own"
    return text


def _unquoted(given: Given) -> str:
    # Only a file has quotes to keep blanks; a shell has taken its own away already.
    text = given.text
    if given.layer is Layer.FILE and len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text
