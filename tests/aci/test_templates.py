"""`Template`: answers put through XSL templates, and templates that mean harm."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.aci import templates
from tests.aci.serving import Face, facing
from tests.commands import ROOT

HEAD = (
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" '
    'xmlns:exsl="http://exslt.org/common" extension-element-prefixes="exsl">'
)
ASK = "/action=QueueInfo&QueueName=Echo&QueueAction=GetStatus&Template="
PID = "/action=GetPid&Template="

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "acitemplates"
    made.mkdir()
    return made


@pytest.fixture
def write(folder: Path) -> Write:
    """Puts a template into the folder, by what stands in its root."""

    def written(name: str, content: str, before: str = "") -> Path:
        path = folder / name
        path.write_text(f"{before}{HEAD}{content}</xsl:stylesheet>", encoding="utf-8")
        return path

    return written


@pytest.fixture
def templated(lone_url: str, folder: Path) -> Iterator[Face]:
    with facing(
        lone_url,
        CONNECTOR_SERVER_XSLTEMPLATES="true",
        CONNECTOR_PATHS_TEMPLATEDIRECTORY=str(folder),
    ) as face:
        yield face


def body(content: str) -> str:
    return f'<xsl:template match="/">{content}</xsl:template>'


def test_an_answer_is_what_its_template_makes_of_it(templated: Face, write: Write) -> None:
    write(
        "list.xsl",
        '<xsl:output method="html"/><xsl:param name="title"/>'
        + body('<html><h1><xsl:value-of select="$title"/></h1><xsl:apply-templates/></html>')
        + '<xsl:template match="action[token]"><p><xsl:value-of select="token"/></p></xsl:template>'
        + '<xsl:template match="text()"/>',
    )
    tokens = [templated.token() for _ in range(3)]
    reply = templated.client.get(f"{ASK}list&TemplateParamCSVs=\"title=a, <b> 'c'\",x=1")
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "<h1>a, &lt;b&gt; 'c'</h1>" in reply.text
    assert all(f"<p>{token}</p>" in reply.text for token in tokens)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ('<xsl:output method="text"/>', "text/plain; charset=utf-8"),
        ('<xsl:output method="text" media-type="text/csv"/>', "text/csv; charset=utf-8"),
        ('<xsl:output media-type="a/b&#10;x: y" encoding="a b"/>', "text/xml; charset=utf-8"),
        ('<xsl:output encoding="ISO-8859-1"/>', "text/xml; charset=ISO-8859-1"),
        ("", "text/xml; charset=utf-8"),
    ],
)
def test_the_media_type_is_what_the_template_says(
    templated: Face, write: Write, output: str, expected: str
) -> None:
    write("t.tmpl", output + body("<x>é</x>"))
    reply = templated.client.get(PID + "t")
    assert reply.headers["content-type"] == expected
    charset = expected.rpartition("=")[2]
    assert "é" in reply.content.decode(charset)


def test_a_listing_that_is_sent_as_it_is_read_is_put_together(
    templated: Face, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.aci.listing.PAGE", 2)
    write("n.xsl", '<xsl:output method="text"/>' + body('<xsl:value-of select="count(//token)"/>'))
    for _ in range(7):
        templated.token()
    assert templated.client.get(ASK + "n").text == "7"
    monkeypatch.setattr(templates, "MOST", 500)
    assert "MaxResults" in templated.error(ASK + "n")["errordescription"]


def test_an_error_never_gets_a_template(templated: Face, write: Write) -> None:
    write("t.xsl", body("<shaped/>"))
    error = templated.error("/action=Echo&Template=t")
    assert error["errorcode"] == "ERRORPARAMMISSING"


def test_the_example_of_the_documentation_does_what_the_page_says(
    templated: Face, folder: Path
) -> None:
    page = (ROOT / "docs/queueinfo.md").read_text(encoding="utf-8")
    examples = re.findall(r"```xml\n(.*?)```", page, re.DOTALL)
    (example,) = [each for each in examples if "xsl:stylesheet" in each]
    (folder / "table.xsl").write_text(example, encoding="utf-8")
    token = templated.token()
    reply = templated.client.get(ASK + "table&TemplateParamCSVs=title=Fetches")
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>Fetches</h1>" in reply.text and f"<p>{token}: Queued</p>" in reply.text


def test_without_the_setting_templates_are_ignored(lone_face: Face) -> None:
    assert lone_face.get(PID + "/etc/passwd").findtext("response") == "SUCCESS"


@pytest.mark.parametrize(
    "name", ["../t", "/etc/passwd", "a/b", "t.xsl", "..", ".hidden", "none", "t%0A", "%C3%A9"]
)
def test_only_names_in_the_folder_are_templates(
    templated: Face, write: Write, folder: Path, name: str
) -> None:
    write("../t.xsl", body("<x/>"))
    error = templated.error(PID + name)
    assert (error["errorcode"], "Template" in error["errordescription"]) == (
        "ERRORPARAMINVALID",
        True,
    )


def test_what_is_no_file_is_told(templated: Face, folder: Path) -> None:
    (folder / "d.xsl").mkdir()
    assert templated.error(PID + "d")["errorcode"] == "ERRORTEMPLATE"
    assert "TemplateParamCSVs" in templated.error(PID + "d&TemplateParamCSVs=x")["errordescription"]


def test_nothing_is_stored_under_a_wrong_name_and_the_token_told_if_a_template_fails(
    templated: Face, write: Write
) -> None:
    send = "/action=Echo&To=you&Template="
    assert templated.error(send + "none")["errorcode"] == "ERRORPARAMINVALID"
    assert not templated.get(ASK[:-10]).findall(".//token")
    write("bad.xsl", body('<xsl:message terminate="yes">no more</xsl:message>'))
    told = templated.error(send + "bad")
    assert told["errorcode"] == "ERRORTEMPLATE" and "no more" in told["errordescription"]
    (stored,) = templated.get(ASK[:-10]).findall(".//token")
    assert stored.text and stored.text in told["errordescription"]


ENTITIES = '<!DOCTYPE x [<!ENTITY a0 "lol">' + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("content", "before", "said"),
    [
        (body("<xsl:copy-of select=\"document('{secret}')\"/>"), "", "line 1"),
        (body("<xsl:copy-of select=\"document('file://{secret}')\"/>"), "", "line 1"),
        (body("<xsl:copy-of select=\"document('http://127.0.0.1:{port}/')\"/>"), "", "line 1"),
        ('<xsl:include href="{secret}"/>', "", "xsl:include in line 1"),
        ('<xsl:import href="http://127.0.0.1:{port}/livez"/>', "", "xsl:import in line 1"),
        (body('<exsl:document href="{written}">x</exsl:document>'), "", "line 1"),
        (body("<x>&a11;</x>"), ENTITIES + "]>", "amplification"),
        (body("<x>&b;</x>"), '<!DOCTYPE x [<!ENTITY b SYSTEM "{secret}">]>', "DOCTYPE"),
        (body("<x/>"), '<!DOCTYPE x SYSTEM "{secret}">', "DOCTYPE"),
        (
            body('<xsl:call-template name="a"/>')
            + '<xsl:template name="a"><xsl:call-template name="a"/></xsl:template>',
            "",
            "infinite template recursion",
        ),
        (body("<x"), "", "well-formed"),
        (body('<xsl:value-of select="nothing("/>'), "", "Unregistered function"),
    ],
)
def test_a_template_reaches_nothing_and_what_is_wrong_is_told(
    templated: Face, write: Write, tmp_path: Path, content: str, before: str, said: str
) -> None:
    secret, written = tmp_path / "secret.xml", tmp_path / "written"
    secret.write_text("<secret>hidden</secret>", encoding="utf-8")
    for name, value in {"secret": secret, "written": written, "port": templated.port}.items():
        content = content.replace(f"{{{name}}}", str(value))
        before = before.replace(f"{{{name}}}", str(value))
    write("bad.xsl", content, before)
    reply = templated.client.get(PID + "bad&ResponseFormat=json")
    error = json.loads(reply.content)["autnresponse"]["responsedata"]["error"]
    assert error["errorcode"]["$"] == "ERRORTEMPLATE"
    assert said in error["errordescription"]["$"]
    assert "hidden" not in reply.text and not written.exists()


ENDLESS = body(
    '<xsl:call-template name="a"><xsl:with-param name="n" select="0"/></xsl:call-template>'
)


def endless() -> str:
    """A template that calls itself some 2 ** 60 times, though never deep."""
    name = '<xsl:template name="a"><xsl:param name="n"/><xsl:if test="$n &lt; 60">'
    more = (
        '<xsl:call-template name="a"><xsl:with-param name="n" select="$n + 1"/></xsl:call-template>'
    )
    return ENDLESS + name + more * 2 + "</xsl:if></xsl:template>"


def test_a_template_that_does_not_end_is_killed_in_time(
    templated: Face, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "SECONDS", 0.6)
    write("slow.xsl", endless())
    began = time.monotonic()
    assert "0.6 s" in templated.error(PID + "slow")["errordescription"]
    assert time.monotonic() - began < 5.0
    assert templated.token(), "and others are answered"


def test_a_template_that_wants_much_memory_fails_alone(
    templated: Face, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "MEMORY", 160 << 20)
    doubling = (
        '<xsl:template name="a"><xsl:param name="n"/><xsl:call-template name="a">'
        '<xsl:with-param name="n" select="concat($n, $n, \'x\')"/>'
        "</xsl:call-template></xsl:template>"
    )
    write("small.xsl", body("<x/>"))
    write("large.xsl", ENDLESS + doubling)
    assert "ERROR" not in templated.client.get(PID + "small").text
    assert templated.error(PID + "large")["errorcode"] == "ERRORTEMPLATE"
    monkeypatch.setattr(templates, "MOST", 100)
    write("long.xsl", body("<x>" + "y" * 200 + "</x>"))
    assert "longer than 100" in templated.error(PID + "long")["errordescription"]
