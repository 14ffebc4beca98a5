"""The section [Webex]: the Webex API and how to ask it."""

from typing import Annotated

from pydantic import Field

from connector.config.addresses import AccessToken, BaseURL
from connector.config.sections import SectionModel
from connector.config.values import Seconds, Setting, Whole


class WebexSettings(SectionModel, frozen=True):
    """The Webex API and how to ask it."""

    base_url: Annotated[
        BaseURL,
        Setting(
            "Address of the Webex API, or of a stand-in such as `webex-connector sandbox`.",
            key="BaseURL",
        ),
    ] = "https://webexapis.com/v1"
    access_token: Annotated[
        AccessToken,
        Setting(
            "Token that Webex is asked with. The environment variable `WEBEX_ACCESS_TOKEN` is "
            "taken too, unless `CONNECTOR_WEBEX_ACCESSTOKEN` or its file is set.",
            example="paste-the-token-here",
        ),
    ] = None
    page_size: Annotated[
        Whole,
        Field(ge=1, le=1000),
        Setting("How many items to ask for in one page.", "items", by_request=True),
    ] = 100
    timeout_seconds: Annotated[
        Seconds,
        Field(gt=0, le=600),
        Setting(
            "Longest wait for Webex to accept a connection or to send more.",
            "seconds",
            by_request=True,
        ),
    ] = 30.0
    max_retries: Annotated[
        Whole,
        Field(ge=0, le=100),
        Setting(
            "How often one request is repeated when Webex is busy, broken or out of reach.",
            "repeats",
            by_request=True,
        ),
    ] = 5
    max_wait_seconds: Annotated[
        Seconds,
        Field(ge=0, le=86400),
        Setting(
            "Longest that all waits before repeats of one request may take together. When Webex "
            "asks for more (`Retry-After`), the action goes back to its queue until then.",
            "seconds",
        ),
    ] = 300.0
    download_threads: Annotated[
        Whole,
        Field(ge=1, le=64),
        Setting("How many files one action downloads at once.", "files"),
    ] = 4
    give_up_after_seconds: Annotated[
        Seconds,
        Field(ge=0),
        Setting(
            "While Webex is out of reach an action goes back to its queue and is tried again "
            "later, at no cost; after this time it fails.",
            "seconds",
            by_request=True,
        ),
    ] = 86400.0
