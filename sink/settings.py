"""What the sink's process is told: each field is an option and ``POSESTREAM_<FIELD>``."""

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from consumers.membership import MemberSettings
from producers.confinement.settings import SourceRuleSettings


class SinkSettings(MemberSettings, SourceRuleSettings):
    """Settings of ``sink.service.run_sink``."""

    database: str = Field(
        "postgresql://postgres@127.0.0.1:5432/posestream", description="Postgres >= 15, postgresql://user:pw@host/name"
    )
    group: str = Field("sink", min_length=1, description="consumer group; processes of one group share the work")
    host: str = Field("127.0.0.1", description="address of page, websocket and HTTP; other than loopback: --accounts")
    port: int = Field(8080, ge=0, le=65535, description="its port; 0 takes a free one")
    accounts: bool = Field(False, description="people and programs must say who they are; posestream user adds them")
    secret_file: Path | None = Field(
        None, description="file with the secret that signs tokens, 32 bytes or more; default: $POSESTREAM_SECRET"
    )
    public: str = Field("", description="name:port,... that this service is reached by, where that is not --host")
    model_folders: str = Field("", description="folder,... below which users may name meshes; empty: none")
    mesh_folder: Path | None = Field(None, description="folder for meshes that users upload; none: they cannot")
    jobs_per_user: int = Field(100, ge=0, description="jobs of a user who is no admin, at most")
    managed_producers: int = Field(
        0, ge=0, le=1000, description="jobs with a source that this service feeds at a time; 0: it feeds none"
    )
    producers_per_user: int = Field(4, ge=0, description="of these, those of a user who is no admin, at most")
    requests: bool = Field(False, description="make the jobs that programs ask for by topic job-requests")
    request_user: str = Field("", description="whose these jobs are, with the rights and quotas of that account")
    write: bool = Field(True, description="store events; without, only page, websocket and HTTP")
    flush_s: float = Field(0.2, gt=0, le=10, description="how often rows are written, at least")
    dead_letter_limit: int = Field(
        6000, ge=0, description="more dead letters within a minute stop the sink with exit code 3; 0: no limit"
    )

    @field_validator("host")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if value != "localhost":
            ipaddress.ip_address(value)
        return value

    @model_validator(mode="after")
    def _accounts_beyond_loopback(self) -> Self:
        loopback = self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        if not (loopback or self.accounts):
            msg = f"host: expected a loopback address, since this service has no --accounts, got {self.host}"
            raise ValueError(msg)
        if self.requests and self.accounts and not self.request_user:
            msg = "request_user: expected the account in whose name --requests makes jobs, got none"
            raise ValueError(msg)
        if not (loopback or self.public):
            msg = f"public: expected the name:port by which {self.host} is reached, got none"
            raise ValueError(msg)
        return self

    def hosts(self) -> frozenset[str]:
        """What ``Host`` and ``Origin`` may name beside the address itself."""
        return frozenset(name.strip().lower() for name in self.public.split(",") if name.strip())

    def folders(self) -> list[Path]:
        """Of models."""
        return [Path(name.strip()) for name in self.model_folders.split(",") if name.strip()]
