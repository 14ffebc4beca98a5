"""Which URL each kind of process is given, and what it is not given."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from connector.config import Loaded, Settings
from connector.config.addresses import as_user_of
from connector.config.database import LOGS_IN_AS, one_for_all

Load = Callable[..., Loaded]
Problems = Callable[..., tuple[str, ...]]

OWN = ("HttpURL", "WorkerURL", "SlotURL", "BackupURL", "OperatorURL", "OwnerURL")
CHILDREN = ("http", "worker", "slot")


def url(user: str, place: str = "db/c") -> str:
    return f"postgresql://{user}:geheim-{user}@{place}"


def configured(loaded: Load, *own: str, **more: str) -> Settings:
    """Load settings with a URL for all, and with these that kinds have of their own."""
    flags = {"Database.URL": url("all")} | {f"Database.{key}": url(key) for key in own}
    return loaded(flags=flags | {f"Database.{key}": text for key, text in more.items()}).settings


def passwords(settings: Settings) -> set[str]:
    """Return whose passwords stand in what is handed over to a child."""
    handed = settings.dump_private()
    return {user for user in ("all", "DirectURL", *OWN) if f"geheim-{user}" in handed}


@pytest.mark.parametrize("kind", LOGS_IN_AS)
def test_a_kind_without_a_url_of_its_own_logs_in_as_url_says(loaded: Load, kind: str) -> None:
    given = configured(loaded).database
    assert given.url_for(kind).get_secret_value() == url("all")
    assert given.direct_url_for(kind) is None


@pytest.mark.parametrize("own", [(), ("WorkerURL",), ("SlotURL",), ("HttpURL", "OwnerURL"), OWN])
def test_a_slot_logs_in_the_same_whichever_process_starts_it(
    loaded: Load, own: tuple[str, ...]
) -> None:
    settings = configured(loaded, *own)
    wanted = url("SlotURL" if "SlotURL" in own else "all")
    from_worker = settings.for_process("worker").for_process("slot")
    assert from_worker == settings.for_process("slot")
    assert from_worker.database.url_for("slot").get_secret_value() == wanted


def test_a_child_is_given_no_password_that_it_does_not_need(loaded: Load) -> None:
    settings = configured(loaded, *OWN, DirectURL=url("DirectURL", "server:5432/c"), Pooler="true")
    seen = {kind: passwords(settings.for_process(kind)) for kind in CHILDREN}
    assert seen == {
        "http": {"HttpURL"},
        "worker": {"WorkerURL", "SlotURL", "BackupURL"},
        "slot": {"SlotURL", "BackupURL"},
    }


@pytest.mark.parametrize("own", [(), ("SlotURL",), ("SlotURL", "BackupURL"), ("BackupURL",)])
def test_a_backup_logs_in_as_slots_do_unless_it_is_said_otherwise(
    loaded: Load, own: tuple[str, ...]
) -> None:
    settings = configured(loaded, "WorkerURL", *own)
    wanted = url(own[-1] if own else "all")
    for each in (settings, settings.for_process("worker").for_process("slot")):
        assert each.database.url_for("backup").get_secret_value() == wanted


@pytest.mark.parametrize("kind", ["http", "slot"])
def test_only_those_who_go_around_a_pooler_are_told_where_the_server_is(
    loaded: Load, kind: str
) -> None:
    direct = url("DirectURL", "server:5432/c")
    settings = configured(loaded, DirectURL=direct, Pooler="true")
    assert passwords(settings.for_process(kind)) == {"all"}
    worker = settings.for_process("worker").database
    assert worker.direct_url_for("worker") == SecretStr(direct)


@pytest.mark.parametrize(("kind", "key"), [("worker", "WorkerURL"), ("migrate", "OwnerURL")])
def test_around_a_pooler_a_kind_logs_in_as_itself(loaded: Load, kind: str, key: str) -> None:
    settings = configured(loaded, key, DirectURL=url("DirectURL", "server:5432/c"))
    expected = SecretStr(url(key, "server:5432/c"))
    assert settings.database.direct_url_for(kind) == expected
    if kind in CHILDREN:
        handed = settings.for_process(kind).database
        assert handed.direct_url_for(kind) == expected


def test_one_url_for_all_wins_over_every_other_from_whatever_source(loaded: Load) -> None:
    text = f"[Database]\nURL={url('file')}\nHttpURL={url('HttpURL')}\nOwnerURLFile=nowhere\n"
    environ = {
        "CONNECTOR_DATABASE_OPERATORURL": url("OperatorURL"),
        "CONNECTOR_DATABASE_DIRECTURL": url("DirectURL"),
    }
    database = loaded(text, environ, one_for_all("sqlite:////tmp/x.db")).settings.database
    kinds = ("check", *LOGS_IN_AS)
    assert {database.url_for(kind).get_secret_value() for kind in kinds} == {"sqlite:////tmp/x.db"}
    assert database.direct_url is None


@pytest.mark.parametrize("key", ["URL", *OWN, "DirectURL"])
@pytest.mark.parametrize("wrong", ["postgresql://u:geheim@db:port/c", "postgresql://u:geheim@x@"])
def test_a_url_that_cannot_be_read_is_refused_at_once_and_not_shown(
    problems: Problems, key: str, wrong: str
) -> None:
    (problem,) = problems(flags={"Database.URL": url("all")} | {f"Database.{key}": wrong})
    assert problem.startswith(f"[Database] {key} (flag Database.{key}) is ***: expected an address")
    assert "geheim" not in problem


def test_the_server_behind_a_pooler_is_of_the_same_engine(problems: Problems) -> None:
    flags = {"Database.URL": url("all"), "Database.DirectURL": "mariadb://u:geheim@db/c"}
    (problem,) = problems(flags=flags)
    assert problem.startswith("[Database] DirectURL is for mariadb, and URL for postgresql: ")


HOSTS = "postgresql://old:pw@/c?host=a:5432&host=b:5432&target_session_attrs=read-write"


@pytest.mark.parametrize(
    ("place", "who", "there"),
    [
        ("postgresql://old:pw@db/c", "postgresql://new@pool/x", "postgresql://new@db/c"),
        ("postgresql://db/c?user=old&password=pw", "postgresql://n@p/x", "postgresql://n@db/c"),
        ("postgresql://db/c", "postgresql://p/x?user=n", "postgresql://db/c?user=n"),
        (HOSTS, "postgresql://new@pool/x", HOSTS.replace("old:pw", "new")),
    ],
)
def test_of_two_urls_one_says_where_and_the_other_who(place: str, who: str, there: str) -> None:
    made = as_user_of(SecretStr(place), SecretStr(who)).get_secret_value()
    assert made.replace("%3A", ":") == there


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=1))
def test_no_sign_in_a_password_is_lost_on_the_way_around_a_pooler(password: str) -> None:
    who = sa.URL.create("postgresql", "u", password, "pool").render_as_string(hide_password=False)
    made = as_user_of(SecretStr("postgresql://db/c"), SecretStr(who)).get_secret_value()
    assert (sa.make_url(made).password, sa.make_url(made).host) == (password, "db")
