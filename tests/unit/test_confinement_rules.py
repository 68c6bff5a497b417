"""Addresses of sources that users give: files by their true paths, cameras by the address that was looked at."""

from pathlib import Path

import pytest

from producers.confinement.hosts import HostRules
from producers.confinement.refused import SourceRefused
from producers.confinement.rules import SourceRules
from producers.confinement.settings import SourceRuleSettings
from producers.sources.base import SourceError
from producers.sources.options import parse_address

SCHEMES = ["bop", "images", "video", "mcap", "synthetic", "rtsp", "http", "https"]


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A folder that may be read, and one beside it that may not."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside / "desk" / "rgb", inside / "odd & 100%", outside):
        folder.mkdir(parents=True)
    for path in (inside / "cam.json", inside / "clip.mp4", inside / "odd & 100%" / "cam.json", outside / "secret.json"):
        path.write_text("{}")
    (tmp_path / "inside2").mkdir()
    return inside, outside


def rules(inside: Path, hosts: str = "public,cam.local") -> SourceRules:
    names = {"evil.example": ["127.0.0.1"], "cam.example": ["93.184.215.14"], "cam.local": ["10.0.0.7"]}
    return SourceRules(SCHEMES, [inside], HostRules(hosts, names.__getitem__))


def test_files_come_by_their_full_paths(places: tuple[Path, Path]) -> None:
    inside, _ = places
    assert rules(inside).checked("bop:desk?every=2") == f"bop:{inside}/desk?every=2"
    assert rules(inside).checked(f"bop:{inside}/desk") == f"bop:{inside}/desk"
    checked = rules(inside).checked("video:clip.mp4?intrinsics=odd %26 100%25/cam.json&unit=0.1")
    address = parse_address(checked)
    assert address.place == f"{inside}/clip.mp4"
    assert address.options == {"intrinsics": f"{inside}/odd & 100%/cam.json", "unit": "0.1"}
    assert rules(inside).checked("synthetic:?frames=5&size=64x48") == "synthetic:?frames=5&size=64x48"


@pytest.mark.parametrize(
    "source",
    [
        *("bop:../out", "bop:/etc", "bop:desk/../../out", "bop:/proc/self/root/etc", "bop:none", "bop:in/\0"),
        *("video:clip.mp4?intrinsics=../out/secret.json", "video:clip.mp4?mask=/etc/passwd", "images:desk?depth=/etc"),
        *("video:clip.mp4?mesh=%2e%2e/out/secret.json", "bop:../inside2", "video:concat:clip.mp4", "mcap:http://x/y"),
        *("bop:desk?mesh=cam.json", "video:clip.mp4?new=cam.json", "synthetic:?mesh=/etc/passwd", "bop:~root"),
        *("file:/etc/passwd", "usb:0", "rtsps://cam.example/", "concat:a|b", "data:x", "desk", "", ":", "BOP:desk"),
    ],
)
def test_a_place_or_option_from_elsewhere_is_refused(places: tuple[Path, Path], source: str) -> None:
    with pytest.raises(SourceError, match=r"expected"):
        rules(places[0]).checked(source)


def test_a_link_that_leads_elsewhere_is_refused_wherever_it_lies(places: tuple[Path, Path]) -> None:
    inside, outside = places
    (inside / "link").symlink_to(outside)
    (inside / "loop").symlink_to(inside / "loop")
    for source in ("bop:link", "bop:loop", "video:clip.mp4?intrinsics=link/secret.json"):
        with pytest.raises(SourceRefused):
            rules(inside).checked(source)
    (inside / "desk" / "rgb" / "000001.png").symlink_to(outside / "secret.json")
    with pytest.raises(SourceRefused, match=r"expected no link that leads elsewhere, got rgb/000001\.png"):
        rules(inside).checked("bop:desk")


def test_a_link_within_the_folders_is_followed_and_what_lies_behind_it_looked_at(places: tuple[Path, Path]) -> None:
    inside, outside = places
    (inside / "models").mkdir()
    (inside / "desk" / "models").symlink_to(inside / "models")
    (inside / "models" / "again").symlink_to(inside / "desk")
    assert rules(inside).checked("bop:desk") == f"bop:{inside}/desk"
    (inside / "models" / "deep").symlink_to(outside)
    with pytest.raises(SourceRefused, match="leads elsewhere"):
        rules(inside).checked("bop:desk")


@pytest.mark.parametrize(
    "place",
    [
        *("//127.0.0.1/x", "//evil.example/x", "//cam.example@evil.example/x", "//cam.example:80@127.0.0.1/x"),
        *(
            "//a@b@cam.example/",
            "//cam.example\\@127.0.0.1/",
            "//127.0.0.1#@cam.example/",
            "//127.0.0.1\\.cam.example/",
        ),
        *("//cam.example /x", "//cam.example/\r\nHost: x", "//cam.example:999999/", "/cam.example/", "cam.example"),
        *("///etc/passwd", "//", "//[::1]/", "//%31%32%37.0.0.1/", "//cam.example%2f@127.0.0.1/", "//0x7f.1/"),
        *("//cam.example:80:81/", "//[::ffff:127.0.0.1]:80/", "//user:pw@[::1]/", "//cam。example/"),
    ],
)
def test_a_camera_inside_is_refused_however_it_is_written(places: tuple[Path, Path], place: str) -> None:
    for scheme in ("http", "https", "rtsp"):
        with pytest.raises(SourceRefused):
            rules(places[0]).checked(f"{scheme}:{place}?intrinsics=cam.json")


def test_a_camera_is_connected_to_by_the_address_that_was_looked_at(places: tuple[Path, Path]) -> None:
    source = "http://admin:p@cam.example"
    with pytest.raises(SourceRefused):  # a password with @ could be read in two ways
        rules(places[0]).checked("http://admin:p@w@cam.example/x")
    checked = rules(places[0]).checked(f"{source}:8080/v?intrinsics=cam.json&query=a=1%26b=2")
    pinned = rules(places[0]).pinned(parse_address(checked))
    assert (pinned.url, pinned.host) == ("http://admin:p@93.184.215.14:8080/v?a=1&b=2", "cam.example:8080")


def test_an_rtsp_server_must_be_named_since_it_can_send_ffmpeg_elsewhere(places: tuple[Path, Path]) -> None:
    with pytest.raises(SourceRefused):
        rules(places[0]).checked("rtsp://cam.example/x")
    checked = rules(places[0]).checked("rtsp://cam.local:554/x")
    assert rules(places[0]).pinned(parse_address(checked)).url == "rtsp://10.0.0.7:554/x"


@pytest.mark.parametrize("query", ["a b", "a%0d%0aHost: x", "a%23b", "a\\b", "%00"])
def test_a_query_cannot_break_out_of_its_line(places: tuple[Path, Path], query: str) -> None:
    with pytest.raises(SourceRefused, match="query"):
        rules(places[0]).checked(f"http://cam.example/?query={query}")


def test_rules_that_are_none_are_named() -> None:
    with pytest.raises(ValueError, match="expected some of bop"):
        SourceRuleSettings(source_schemes="bop,ftp")
    with pytest.raises(ValueError, match="expected a name"):
        SourceRuleSettings(source_hosts="http://x")
    with pytest.raises(SourceRefused):
        SourceRuleSettings().rules().checked("bop:/")
