"""The private servers: one pair whoever comes, nothing lost and nothing left behind whatever is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mamweb.embedded import supervisor
from mamweb.embedded.places import postgres_bin, server_user
from tests.mamweb.servers import (
    Client,
    attached,
    is_supervised,
    parent_of,
    postgres_pid,
    remove,
    runs,
    sql,
    valkey,
    valkey_pid,
    wait_for,
    where,
)

pytestmark = [
    pytest.mark.xdist_group("embedded"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see the servers' processes"),
]


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder deep enough that no socket could be bound below it, with a blank and letters beyond ASCII."""
    folder = tmp_path_factory.mktemp("private servers ü") / ("deep" * 20) / ("deeper" * 20)
    folder.mkdir(parents=True)
    yield folder
    remove(folder)


def write(folder: Path, text: str) -> None:
    """Commit a row and push an item."""
    sql(folder, "CREATE TABLE IF NOT EXISTS kept (word text)")
    sql(folder, f"INSERT INTO kept VALUES ('{text}')")
    with valkey(folder) as client:
        client.rpush("kept", text)


def kept(folder: Path) -> tuple[list[str], list[str]]:
    """Return what PostgreSQL and Valkey still have, the latest last."""
    with valkey(folder) as client:
        items = [item.decode() for item in client.lrange("kept", 0, -1)]
    return [word for (word,) in sql(folder, "SELECT word FROM kept")], items


def servers(folder: Path) -> tuple[int, int]:
    return postgres_pid(folder), valkey_pid(folder)


def test_two_at_once_share_one_pair_and_attaching_twice_is_harmless(var: Path) -> None:
    one, two = Client(var), Client(var, times=2)
    try:
        one.wait_until_up()
        two.wait_until_up()
        found = servers(var)
        assert parent_of(found[0]) == parent_of(found[1]), "both servers belong to one supervisor"
        write(var, "first")
    finally:
        one.leave()
        two.leave()
    with attached(var):
        assert servers(var) == found
    assert sql(var, "SELECT current_user", user="mamweb_app") == [("mamweb_app",)]


def test_the_supervisor_killed_ends_the_servers_and_the_next_attach_has_the_data(var: Path) -> None:
    with attached(var):
        write(var, "before the supervisor was killed")
        found = servers(var)
        holder = parent_of(found[0])
        os.kill(holder, signal.SIGKILL)
        wait_for(lambda: not any(map(runs, found)), "the servers to end with their supervisor")
    with attached(var):
        assert parent_of(postgres_pid(var)) != holder
        assert [words[-1] for words in kept(var)] == ["before the supervisor was killed"] * 2


def test_attach_right_after_the_supervisor_was_killed_waits_for_its_servers(var: Path) -> None:
    with attached(var):
        write(var, "just before")
        os.kill(parent_of(postgres_pid(var)), signal.SIGKILL)
        with attached(var):
            assert [words[-1] for words in kept(var)] == ["just before"] * 2


def test_postgres_killed_is_started_again_with_what_was_committed(var: Path) -> None:
    with attached(var):
        write(var, "before postgres was killed")
        old = postgres_pid(var)
        os.kill(old, signal.SIGKILL)
        with attached(var):
            assert postgres_pid(var) != old
            assert kept(var)[0][-1] == "before postgres was killed"


def test_postgres_is_not_started_beside_backends_that_outlive_it(var: Path) -> None:
    with attached(var), psycopg.connect(host=str(where(var).sockets), user="mamweb_owner", dbname="mamweb") as busy:
        backend = busy.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        old = postgres_pid(var)
        os.kill(old, signal.SIGKILL)
        holder = parent_of(valkey_pid(var))
        with pytest.raises(TimeoutError):
            wait_for(lambda: postgres_pid(var) != old, "a second postgres", seconds=2)
        assert runs(holder), "the supervisor waits, and does not give up"
        os.kill(backend, signal.SIGCONT)
        with attached(var):
            assert postgres_pid(var) != old and not runs(backend)


def test_valkey_killed_is_started_again_with_what_it_had(var: Path) -> None:
    with attached(var):
        write(var, "before valkey was killed")
        old = valkey_pid(var)
        os.kill(old, signal.SIGKILL)
        with attached(var):
            assert valkey_pid(var) != old
            assert kept(var)[1][-1] == "before valkey was killed"


def test_the_last_to_leave_has_the_servers_stopped_cleanly_and_what_is_stale_hinders_nobody(var: Path) -> None:
    here = where(var)
    with attached(var):
        write(var, "before the last left")
        found = servers(var)
    wait_for(lambda: not is_supervised(var), "the idle supervisor to end")
    assert not any(map(runs, found))
    control = postgres_bin(here.state) / "pg_controldata"
    shown = subprocess.run([str(control), str(here.data)], capture_output=True, text=True, env={"LC_ALL": "C"}).stdout
    assert "shut down\n" in shown, "no recovery is needed"

    # What a power cut leaves: the pid file of a process that is now another, sockets nobody listens to.
    lines = [str(os.getpid()), str(here.data), "1", "5432", str(here.sockets), "", "  0 0", "ready"]
    (here.data / "postmaster.pid").write_text("\n".join(lines) + "\n")
    (here.sockets / ".s.PGSQL.5432").touch()
    (here.sockets / ".s.PGSQL.5432.lock").write_text("\n".join(lines) + "\n")
    (here.sockets / "valkey.sock").touch()
    if ids := server_user():
        os.chown(here.data / "postmaster.pid", ids["user"], ids["group"])
    with attached(var):
        assert [words[-1] for words in kept(var)] == ["before the last left"] * 2


def test_sockets_swept_away_come_back(var: Path) -> None:
    with attached(var):
        write(var, "before the sweep")
        old = servers(var)
        shutil.rmtree(where(var).sockets)
        with attached(var):
            assert [words[-1] for words in kept(var)] == ["before the sweep"] * 2
            assert not any(map(runs, old))


def test_a_folder_named_from_here_is_the_same_for_the_supervisor(tmp_path: Path) -> None:
    try:
        with attached(Path("state"), cwd=tmp_path):
            assert sql(tmp_path / "state", "SELECT 1") == [(1,)]
    finally:
        remove(tmp_path / "state")


def test_servers_that_cannot_start_are_one_error_that_shows_why(tmp_path: Path) -> None:
    here = where(tmp_path)
    here.data.mkdir()
    (here.data / "PG_VERSION").write_text("9.6\n")
    client = Client(tmp_path)
    with pytest.raises(AssertionError, match="the private servers did not start") as caught:
        client.wait_until_up()
    client.leave()
    assert "postgres stopped" in str(caught.value)
    remove(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
def test_root_runs_postgres_as_another_user_even_under_a_strict_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        with attached(tmp_path):
            owner = Path(f"/proc/{postgres_pid(tmp_path)}").stat().st_uid
            assert owner == server_user()["user"] != 0
    finally:
        os.umask(old)
        remove(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user_is_refused_and_left_alone(tmp_path: Path) -> None:
    here = where(tmp_path)
    os.chown(here.state, 12345, 12345)
    with pytest.raises(PermissionError, match=r"belongs to user 12345.*MAMWEB_VAR"):
        where(tmp_path)
    assert list(here.state.iterdir()) == []
    os.chown(here.state, 0, 0)
    remove(tmp_path)


def test_a_child_whose_parent_ended_before_it_could_ask_ends_too() -> None:
    """The kernel tells only of deaths after the request: the child looks for itself."""
    code = f"""if True:
        import os
        from mamweb.embedded import supervisor
        prepare, parent = supervisor.dies_with_parent({signal.SIGKILL:d}), os.getpid()
        if os.fork():
            os._exit(0)
        while os.getppid() == parent:
            pass
        prepare()
        print("still here")"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(supervisor.__file__).parents[2])
    assert (done.stdout, done.stderr) == ("", "")
