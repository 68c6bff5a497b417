"""What a service opens for its users: each field is an option and ``POSESTREAM_<FIELD>``."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from producers.confinement.hosts import HostRules
from producers.confinement.rules import SourceRules


class SourceRuleSettings(BaseSettings):
    """Settings that make ``SourceRules``."""

    model_config = SettingsConfigDict(env_prefix="POSESTREAM_", frozen=True)

    source_schemes: str = Field(
        "bop,images,video,mcap,synthetic,rtsp,http,https",
        description="scheme,... of sources that users of the service may name",
    )
    source_folders: str = Field("", description="folder,... below which their files may lie; empty: none")
    source_hosts: str = Field(
        "", description="name, .name, address, network or public,... that they may name as cameras; empty: none"
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        self.rules()
        return self

    def rules(self) -> SourceRules:
        """What users may name."""
        return SourceRules(_items(self.source_schemes), self.source_paths(), HostRules(self.source_hosts))

    def source_paths(self) -> list[Path]:
        """Folders of sources."""
        return [Path(folder) for folder in _items(self.source_folders)]


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
