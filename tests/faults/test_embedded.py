"""The embedded PostgreSQL against everything that can happen to it, each time with real servers and real kills."""

import multiprocessing
import os
import pwd
import random
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa

from fleet import embedded
from fleet.embedded.server import Place

FORK = multiprocessing.get_context("fork")
# As root, both halves of the account's handling are tried; as anyone else only one exists.
USERS = [0, pwd.getpwnam("nobody").pw_uid] if os.geteuid() == 0 else [os.geteuid()]


def connect(url: str, **other: str) -> psycopg.Connection:
    made = sa.make_url(url)
    host = made.query["host"]
    assert isinstance(host, str)
    given = {"host": host, "port": "5432", "user": made.username, "password": made.password, "dbname": made.database}
    return psycopg.connect(**given | other, autocommit=True)


def ask(url: str, query: str) -> object:
    with connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def data_folder(var: Path, url: str) -> object:
    """Where the server behind this URL keeps its data, which only the superuser is told."""
    with connect(url, user="postgres", password=Place(var).secret("postgres")) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    return row[0]


def postmaster(var: Path) -> psutil.Process:
    return psutil.Process(int((var / "postgres" / "postmaster.pid").read_text().split()[0]))


def is_stopped(var: Path) -> bool:
    with suppress(FileNotFoundError, psutil.NoSuchProcess):
        return postmaster(var).status() == psutil.STATUS_ZOMBIE
    return True


def kill(process: psutil.Process) -> None:
    process.kill()
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)


class Child:
    """A forked process that holds the server until it is told to leave, or killed."""

    def __init__(self, var: Path, *, uid: int | None = None) -> None:
        self.pipe, other = FORK.Pipe()
        self.process = FORK.Process(target=self._live, args=[var, uid, other])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process.start()

    def _live(self, var: Path, uid: int | None, pipe: Connection) -> None:
        if uid:
            entry = pwd.getpwuid(uid)
            os.setgroups([])
            os.setgid(entry.pw_gid)
            os.setuid(uid)
        with embedded.running(var) as databases:
            pipe.send(databases)
            pipe.recv()

    def databases(self) -> embedded.Databases:
        assert self.pipe.poll(30), "the server did not start"
        found = self.pipe.recv()
        assert isinstance(found, embedded.Databases)
        return found

    def leave(self) -> None:
        self.pipe.send("leave")
        self.process.join(30)
        assert self.process.exitcode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.join(30)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cluster that tests start and stop; each finds it stopped and leaves it stopped."""
    var = tmp_path_factory.mktemp("embedded") / "var"
    with embedded.running(var):
        pass
    return var


@pytest.fixture
def cluster(whole: Path) -> Iterator[Path]:
    yield whole
    with embedded.running(whole):
        pass
    assert is_stopped(whole)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder that any user may be given, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="fleet-test-"))
    yield folder
    shutil.rmtree(folder)


def test_a_second_start_keeps_the_data(cluster: Path) -> None:
    with embedded.running(cluster) as databases, connect(databases.owner) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    with embedded.running(cluster) as databases:
        assert ask(databases.owner, "SELECT seven FROM kept") == 7


def test_the_roles_have_only_the_rights_they_need(cluster: Path) -> None:
    query = "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    with embedded.running(cluster) as databases:
        assert ask(databases.application, query) is False
        assert ask(databases.application, "SELECT pg_has_role('fleet_application', 'member')") is True
        assert ask(databases.owner, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


@pytest.mark.parametrize("user", ["fleet_app", "fleet_owner", "postgres"])
@pytest.mark.parametrize("password", ["", "wrong"])
def test_every_role_needs_its_password(cluster: Path, user: str, password: str) -> None:
    with embedded.running(cluster) as databases, pytest.raises(psycopg.OperationalError, match="password"):
        connect(databases.application, user=user, password=password)


def test_nothing_secret_is_readable_by_others(cluster: Path) -> None:
    for path in [cluster, *(cluster / "secrets").iterdir(), cluster / "postgres", *(cluster / "log").iterdir()]:
        assert path.stat().st_mode & 0o067 == 0, path
    log = (cluster / "log" / "postgres.log").read_text()
    for role in ("postgres", "fleet_owner", "fleet_app"):
        assert Place(cluster).secret(role) not in log


def test_the_server_has_no_tcp_port(cluster: Path) -> None:
    with embedded.running(cluster) as databases:
        assert ask(databases.application, "SELECT current_setting('listen_addresses')") == ""


def test_the_first_of_two_holders_leaves_the_server_to_the_second(cluster: Path) -> None:
    first, second = Child(cluster), Child(cluster)
    first.databases()
    url = second.databases().application
    first.leave()
    assert ask(url, "SELECT 1") == 1
    second.leave()
    assert is_stopped(cluster)


def test_a_killed_holder_leaves_no_trace_and_the_next_uses_its_server(cluster: Path) -> None:
    holder = Child(cluster)
    holder.databases()
    server = postmaster(cluster)
    holder.kill()
    with embedded.running(cluster) as databases:
        assert postmaster(cluster) == server
        assert ask(databases.application, "SELECT 1") == 1
    assert is_stopped(cluster)


def test_a_holder_that_comes_while_the_last_one_leaves_has_a_server(cluster: Path) -> None:
    for _ in range(5):
        last = Child(cluster)
        last.databases()
        last.pipe.send("leave")
        time.sleep(random.uniform(0, 0.05))
        with embedded.running(cluster) as databases:
            assert ask(databases.application, "SELECT 1") == 1
        last.process.join(30)


def test_a_forked_child_does_not_stop_its_parents_server_nor_the_parent_the_childs(cluster: Path) -> None:
    context = embedded.running(cluster)
    databases = context.__enter__()
    for leave in (True, False):
        child = os.fork()
        if child == 0:
            if leave:
                context.__exit__(None, None, None)
            else:
                signal.pause()
            os._exit(0)
        if leave:
            assert os.waitpid(child, 0)[1] == 0
            assert ask(databases.application, "SELECT 1") == 1
    context.__exit__(None, None, None)
    assert ask(databases.application, "SELECT 1") == 1
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_what_was_committed_survives_a_killed_server(cluster: Path) -> None:
    with embedded.running(cluster) as databases:
        with connect(databases.owner) as connection:
            connection.execute("CREATE TABLE survived AS SELECT 8 AS eight")
            kill(postmaster(cluster))
        with embedded.running(cluster) as again:
            assert ask(again.owner, "SELECT eight FROM survived") == 8


def test_a_stale_pid_file_that_names_another_live_program_does_no_harm(cluster: Path) -> None:
    with embedded.running(cluster):
        text = (cluster / "postgres" / "postmaster.pid").read_text()
        kill(postmaster(cluster))
    lines = text.splitlines()
    (cluster / "postgres" / "postmaster.pid").write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    with embedded.running(cluster) as databases:
        assert ask(databases.application, "SELECT 1") == 1
    assert is_stopped(cluster)
    assert psutil.pid_exists(os.getppid())


def test_a_copy_of_the_folder_gets_a_server_of_its_own(cluster: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(cluster, copy, ignore=shutil.ignore_patterns("socket"))
    owner = (cluster / "postgres").stat()
    if os.geteuid() == 0:
        for path in [copy / "postgres", *(copy / "postgres").rglob("*")]:
            os.chown(path, owner.st_uid, owner.st_gid)
    with embedded.running(cluster):
        shutil.copy(cluster / "postgres" / "postmaster.pid", copy / "postgres" / "postmaster.pid")
        with embedded.running(copy) as databases:
            assert postmaster(copy) != postmaster(cluster)
            assert data_folder(copy, databases.owner) == str(copy / "postgres")
        assert not is_stopped(cluster)


def test_a_server_that_cannot_start_says_why(cluster: Path) -> None:
    settings = cluster / "postgres" / "postgresql.auto.conf"
    before = settings.read_text()
    settings.write_text("nonsense = 1\n")
    try:
        with pytest.raises(embedded.EmbeddedError, match='"nonsense"'), embedded.running(cluster):
            pass
    finally:
        settings.write_text(before)


def test_a_kill_at_any_moment_of_the_first_start_leaves_nothing_or_a_whole_cluster(tmp_path: Path) -> None:
    var = tmp_path / "var"
    for moment in (0.02, 0.2, 0.4, 0.7, 1.0, 1.3):
        child = Child(var)
        time.sleep(moment + random.uniform(0, 0.1))
        child.kill()
    with embedded.running(var) as databases:
        assert ask(databases.application, "SELECT pg_has_role('fleet_application', 'member')") is True
        assert ask(databases.owner, "SELECT current_database()") == "fleet"
    assert not (var / "postgres.unfinished").exists()


@pytest.mark.parametrize(
    "name", ["with space, commaß: \"$HOME\" 'é' `x` %41", "-".join(["a-very-long-name"] * 12)], ids=["odd", "long"]
)
def test_any_path_will_do(tmp_path: Path, name: str) -> None:
    var = tmp_path / name / "var"
    with embedded.running(var) as databases:
        assert data_folder(var, databases.owner) == str(var / "postgres")
        with sa.create_engine(databases.application, poolclass=sa.NullPool).connect() as connection:
            assert connection.scalar(sa.text("SELECT current_user")) == "fleet_app"
    sockets = Place(var).sockets()
    assert sockets.stat().st_mode & 0o777 == 0o700
    sockets.rmdir()


def test_a_socket_folder_that_somebody_else_put_there_is_refused(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.embedded.server._LONGEST_SOCKET", len(str(cluster / "socket" / ".s.PGSQL.5432")) - 1)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        Place(cluster).sockets().symlink_to(tmp_path)
        with pytest.raises(embedded.EmbeddedError, match="somebody else"), embedded.running(cluster):
            pass


@pytest.mark.parametrize("uid", USERS)
def test_it_runs_as_root_and_as_an_ordinary_user(short: Path, uid: int) -> None:
    if uid:
        os.chown(short, uid, -1)
    child = Child(short / "var", uid=uid)
    url = child.databases().application
    assert ask(url, "SELECT 1") == 1
    server = postmaster(short / "var").uids().real
    assert server == uid if uid else server != 0
    child.leave()
    assert is_stopped(short / "var")
    # Others may at most pass through, and only where PostgreSQL has to.
    assert short.stat().st_mode & 0o777 == (0o700 if uid else 0o701)
    assert (short / "var").stat().st_mode & 0o777 == (0o700 if uid else 0o710)


def test_the_wait_for_a_lingering_program_ends_with_it(tmp_path: Path) -> None:
    child = Child(tmp_path / "var")
    wait_for((tmp_path / "var" / "postgres.unfinished" / "data").exists)
    child.kill()
    assert not (tmp_path / "var" / "postgres").exists()
    with embedded.running(tmp_path / "var") as databases:
        assert ask(databases.application, "SELECT 1") == 1


def wait_for(done: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)
