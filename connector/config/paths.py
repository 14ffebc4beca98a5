"""The section about folders and files of this host."""

from pathlib import Path
from typing import Annotated

from connector.config.model import SectionModel
from connector.config.values import Folder, Form, Setting


class PathsSettings(SectionModel, frozen=True):
    """Folders of this host."""

    data_directory: Annotated[
        Folder,
        Setting(
            "State folder of this host: lock files, the SQLite database and, unless a task says "
            "otherwise, the documents. Made when missing.",
            default="data",
            example="/var/lib/webex-connector",
        ),
    ]
    key_file: Annotated[
        Path | None,
        Form("a file", path=True),
        Setting(
            "File with the keys that encrypt secret parameters of actions, the same on every "
            "host; `secret.key` in the DataDirectory if left out. Made for its owner alone at the "
            "first start of all, by that one host: copy it to the others.",
            example="/etc/webex-connector/secret.key",
        ),
    ] = None

    event_directory: Annotated[
        Path | None,
        Form("a folder", path=True),
        Setting(
            "Folder outside of which no event handler writes a file; `events` in the "
            "DataDirectory if left out.",
            example="/var/log/webex-connector",
        ),
    ] = None

    backup_directory: Annotated[
        Path | None,
        Form("a folder", path=True),
        Setting(
            "Folder outside of which `BackupServer` writes no file, and `RestoreServer` reads "
            "none; `backups` in the DataDirectory if left out. The same place on every host that "
            "has workers, such as a mounted folder.",
            example="/var/backups/webex-connector",
        ),
    ] = None
    template_directory: Annotated[
        Path | None,
        Form("a folder", path=True),
        Setting(
            "Folder of the XSL templates, `NAME.xsl` or `NAME.tmpl`; `acitemplates` in the "
            "DataDirectory if left out. Whoever may write there decides what answers look like.",
            example="/etc/webex-connector/acitemplates",
        ),
    ] = None

    @property
    def backups(self) -> Path:
        """The folder of backups."""
        return self.backup_directory or self.data_directory / "backups"

    @property
    def templates(self) -> Path:
        """The folder of XSL templates."""
        return self.template_directory or self.data_directory / "acitemplates"

    @property
    def events(self) -> Path:
        """The folder of text files to which events are written."""
        return self.event_directory or self.data_directory / "events"

    @property
    def keys(self) -> Path:
        """The key file."""
        return self.key_file or self.data_directory / "secret.key"
