"""Settings of access: roles, origins, TLS."""

from collections.abc import Callable

import pytest

from connector.config import Loaded

Load = Callable[..., Loaded]
Problems = Callable[..., tuple[str, ...]]

ROLES = """
[AuthorizationRoles]
0=AdminRole
1=Programs
[AdminRole]
StandardRoles=admin,SERVICECONTROL
Clients=localhost, 10.1.0.0/16
[Programs]
StandardRoles=*
SSLIdentities=a.example.com,"b, c"
Actions=GetStatus
"""


def test_roles_are_listed_each_with_a_section(loaded: Load) -> None:
    result = loaded(ROLES)
    admin, programs = result.settings.roles
    assert (admin.name, admin.standard_roles) == ("AdminRole", ("Admin", "ServiceControl"))
    assert admin.clients == ("localhost", "10.1.0.0/16")
    assert programs.standard_roles == ("*",)
    assert programs.ssl_identities == ("a.example.com", "b, c")
    assert programs.actions == ("GetStatus",)
    assert result.warnings == ()


def test_roles_may_come_from_the_environment_alone(loaded: Load) -> None:
    environ = {
        "CONNECTOR_AUTHORIZATIONROLES_0": "Ops",
        "CONNECTOR_OPS_CLIENTS": "10.0.0.1",
        "CONNECTOR_OPS_STANDARDROLES": "Query",
    }
    result = loaded("", environ)
    (role,) = result.settings.roles
    assert (role.name, role.clients, role.standard_roles) == ("Ops", ("10.0.0.1",), ("Query",))
    assert result.warnings == ()


def test_roles_are_handed_over_and_shown(loaded: Load) -> None:
    settings = loaded(ROLES).settings
    assert type(settings).handed_over(settings.dump_private()) == settings
    shown = settings.dump_public()
    assert shown["AuthorizationRoles"] == {"0": "AdminRole", "1": "Programs"}
    assert shown["Programs"]["Actions"] == ["GetStatus"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0=Ops\n", "there is no section [Ops]; expected one that says who has the role"),
        ("0=Webex\n[Webex]\n", "[Webex] is a section of its own; expected another name"),
        ("0=Ops\n1=ops\n[Ops]\n", "the role is listed already"),
        ("0=a b\n[a b]\n", "expected the name of a role: letters, digits"),
        ("0=Ops\n[Ops]\nStandardRoles=Root\n", '"Root" is no role; expected a list of Admin'),
        ("0=Ops\n[Ops]\nClients=host.example\n", "names of hosts are not looked up"),
        ("0=Ops\n[Ops]\nClients=10.0.0.1/8\n", '"10.0.0.1/8" is none of an address'),
        ("0=Ops\n[Ops]\nClients=10.*.1.*\n", '"10.*.1.*" is none of an address'),
        ("0=Ops\n[Ops]\nGSSPrincipals=x\n", "there is no Kerberos here; expected Clients"),
    ],
)
def test_a_wrong_role_is_a_problem(problems: Problems, text: str, told: str) -> None:
    (problem,) = problems("[AuthorizationRoles]\n" + text)
    assert told in problem


def test_a_section_that_looks_like_a_role_and_is_not_listed_causes_a_warning(
    loaded: Load,
) -> None:
    (warning,) = loaded("[Operators]\nStandardRoles=Admin\n").warnings
    assert "[Operators] (webex-connector.cfg:1) is not a known section" in warning


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("https://app.example.com,http://localhost:3000", True),
        ("*", True),
        ("app.example.com", False),
        ("https://app.example.com/page", False),
        ("ftp://x", False),
    ],
)
def test_origins_are_schemes_with_hosts(
    loaded: Load, problems: Problems, value: str, right: bool
) -> None:
    text = f"[Service]\nAccess-Control-Allow-Origin={value}\n"
    if right:
        origins = loaded(text).settings.service.access_control_allow_origin
        assert ",".join(origins) == value
    else:
        (problem,) = problems(text)
        assert "is no origin; expected one such as https://app.example.com" in problem


def test_the_section_of_tls_may_have_another_name(loaded: Load) -> None:
    text = "[Server]\nSSLConfig=Option0\n[Option0]\nSSLCertificate=x.pem\nSSLMethod=Negotiate\n"
    result = loaded(text)
    assert result.settings.ssl.ssl_certificate is not None
    assert result.settings.ssl.ssl_certificate.name == "x.pem"
    assert result.warnings == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[Server]\nSSLConfig=Option0\n", "[Option0] has no SSLCertificate"),
        ("[SSL]\nSSLPrivateKey=x\n", "[SSL] has no SSLCertificate"),
        ("[SSL]\nSSLCertificate=x\nSSLCheckCertificate=on\n", "expected SSLCACertificate too"),
        ("[SSL]\nSSLMethod=SSLV3\n", "older ones are not safe"),
    ],
)
def test_tls_that_would_not_be_there_is_a_problem(problems: Problems, text: str, told: str) -> None:
    (problem,) = problems(text)
    assert told in problem


def test_listening_elsewhere_in_clear_causes_a_warning(loaded: Load) -> None:
    (warning,) = loaded("[Server]\nHost=0.0.0.0\n").warnings
    assert "requests and API keys travel in clear" in warning
    assert loaded("[Server]\nHost=0.0.0.0\nTrustedProxies=10.0.0.1\n").warnings == ()
    assert loaded("[Server]\nHost=::\n[SSL]\nSSLCertificate=x\n").warnings == ()


def test_the_password_of_the_key_is_for_http_alone_and_shown_to_nobody(loaded: Load) -> None:
    settings = loaded("[SSL]\nSSLCertificate=x\nSSLPrivateKeyPassword=sesame\n").settings
    assert "sesame" in settings.for_process("http").dump_private()
    assert "sesame" not in settings.for_process("worker").dump_private()
    assert "sesame" not in f"{settings!r}{settings.dump_public()}"
