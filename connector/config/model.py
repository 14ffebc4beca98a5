"""What all sections of the configuration share."""

from pydantic import BaseModel


class SectionModel(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    """What all sections share: immutable, no unknown fields, no values in errors."""
