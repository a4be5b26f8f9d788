"""Receipts by e-mail, against a real SMTP server that takes, refuses, hangs, drops and comes back."""

import asyncio
import email
import email.policy
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from aiosmtpd import smtp
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fleet.actors import Role
from fleet.audit.models import AuditEntry
from fleet.embedded import Databases
from fleet.settings import Mail, Policy, Transport
from fleet.visits import mail as letters
from fleet.visits import outbox
from fleet.visits.models import MailState, ReceiptMail
from fleet.web import Service
from tests.conftest import TESTER, Api, api_of
from tests.factories import Factory, now
from tests.live import free_port
from tests.pages.conftest import signed_in
from tests.visits.conftest import ATTESTED, AtCounter

FROM = "fleet@force.example"
Says = Callable[[str], str]


class Inbox:
    """Takes what it is told to, and answers as ``says`` does."""

    def __init__(self, says: Says = lambda _stage: "250 OK") -> None:
        self.says = says
        self.taken: list[tuple[str, list[str], EmailMessage]] = []

    async def handle_RCPT(self, *of: Any) -> str:  # noqa: N802 - aiosmtpd's name for it
        _server, _session, envelope, address, _options = of
        answer = self.says("rcpt")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: smtp.SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.says("data")
        if answer == "drop":
            server.transport.abort()
            await asyncio.sleep(1)
        if answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            letter = email.message_from_bytes(content, policy=email.policy.default)
            assert isinstance(letter, EmailMessage)
            self.taken.append((envelope.mail_from or "", envelope.rcpt_tos, letter))
        return answer


@contextmanager
def serving(inbox: Inbox, **options: Any) -> Iterator[Mail]:
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield Mail("127.0.0.1", controller.port, Transport.PLAIN, FROM, timeout=timedelta(seconds=2))
    finally:
        controller.stop()


@pytest.fixture
def store(app: Service, postgres: Databases) -> AtCounter:
    """A counter of a service that mails, with an empty outbox."""
    url = sa.make_url(postgres.owner).set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM receipt_mail")
    return AtCounter(app, Policy(mails=True))


def acknowledged(store: AtCounter, address: str | None = "jo@force.example") -> str:
    """A visit that was acknowledged, of an officer with this address."""
    name, _, _ = store.visit(Factory(store.app.database), email=address)
    store.acknowledge(name, ATTESTED)
    return name


def boxes(app: Service) -> list[ReceiptMail]:
    with app.database.transaction() as session:
        return list(session.scalars(sa.select(ReceiptMail).order_by(ReceiptMail.id)))


def send(store: AtCounter, mail: Mail | None) -> dict[str, int]:
    """What the job does, once."""
    return letters.send_due(store.app.database, mail, actor=TESTER)


def make_due(app: Service) -> None:
    """Let the time pass until the next try."""
    with app.database.transaction() as session:
        session.execute(sa.update(ReceiptMail).values(due_at=now() - timedelta(seconds=1)))


def test_an_acknowledged_visits_receipt_is_sent_to_the_officers_own_address(store: AtCounter) -> None:
    name, inbox = acknowledged(store), Inbox()

    with serving(inbox) as mail:
        assert send(store, mail) == {"sent": 1, "later": 0, "failed": 0}
        assert send(store, mail) == {"sent": 0, "later": 0, "failed": 0}

    [(sender, recipients, letter)] = inbox.taken
    assert (sender, recipients) == (FROM, ["jo@force.example"])
    assert (letter["To"], letter["From"]) == ("jo@force.example", FROM)
    text = letter.get_body()
    assert text is not None
    assert name in text.get_content()
    [attached] = letter.iter_attachments()
    assert attached.get_content().startswith(b"%PDF-")
    [row] = boxes(store.app)
    assert (row.state, row.address, row.tries) == (MailState.SENT, "jo@force.example", 1)


def test_without_an_address_or_a_mail_server_nothing_is_queued(store: AtCounter) -> None:
    acknowledged(store, None)
    store.policy = Policy(mails=False)
    acknowledged(store)

    assert boxes(store.app) == []
    assert send(store, None) == {"sent": 0, "later": 0, "failed": 0}


def test_the_address_is_the_one_on_record_when_it_is_sent(store: AtCounter) -> None:
    acknowledged(store)
    inbox = Inbox()
    with store.app.database.transaction() as session:
        session.execute(sa.text("UPDATE person SET email = 'new@force.example' WHERE email IS NOT NULL"))

    with serving(inbox) as mail:
        send(store, mail)

    assert inbox.taken[0][1] == ["new@force.example"]


def test_an_address_that_was_taken_away_gets_nothing_more(store: AtCounter) -> None:
    acknowledged(store)
    inbox = Inbox()
    with store.app.database.transaction() as session:
        session.execute(sa.text("UPDATE person SET email = NULL"))

    with serving(inbox) as mail:
        assert send(store, mail)["failed"] == 1

    assert inbox.taken == []


@pytest.mark.parametrize(
    ("stage", "says", "comes_to"),
    [
        ("rcpt", "450 Busy", "later"),
        ("rcpt", "550 No such user", "failed"),
        ("data", "451 Try again", "later"),
        ("data", "554 Not wanted", "failed"),
        ("data", "drop", "later"),
    ],
)
def test_what_a_server_refuses_is_tried_again_or_given_up(
    store: AtCounter, stage: str, says: str, comes_to: str
) -> None:
    acknowledged(store)
    inbox = Inbox(lambda at: says if at == stage else "250 OK")

    with serving(inbox) as mail:
        done = send(store, mail)

    assert done == {"sent": 0, "later": 0, "failed": 0} | {comes_to: 1}
    [row] = boxes(store.app)
    assert row.state is (MailState.WAITING if comes_to == "later" else MailState.FAILED)
    assert row.problem
    assert comes_to == "failed" or row.due_at > now()


def test_a_server_that_never_answers_is_left_after_its_time_and_tried_again(store: AtCounter) -> None:
    acknowledged(store)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        mail = Mail("127.0.0.1", port, Transport.PLAIN, FROM, timeout=timedelta(seconds=1))

        assert send(store, mail)["later"] == 1

    assert send(store, mail)["later"] == 0
    make_due(store.app)
    assert send(store, mail)["later"] == 1
    [row] = boxes(store.app)
    assert (row.state, row.tries) == (MailState.WAITING, 2)
    assert timedelta(minutes=1) < row.due_at - now() <= timedelta(minutes=2)


def test_each_try_has_the_same_message_id_and_waits_longer(store: AtCounter) -> None:
    acknowledged(store)
    answers = iter(["451 Later", "451 Later", "250 OK"])
    seen: list[str] = []
    inbox = Inbox()
    taken_by = inbox.handle_DATA

    async def noting(server: smtp.SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        seen.append(email.message_from_bytes(content)["Message-ID"])
        comes = next(answers)
        inbox.says = lambda _stage: comes
        answer = await taken_by(server, session, envelope)
        inbox.says = lambda _stage: "250 OK"
        return answer

    inbox.handle_DATA = noting  # type: ignore[method-assign]
    waits = []
    with serving(inbox) as mail:
        for _ in range(3):
            make_due(store.app)
            send(store, mail)
            waits.append(boxes(store.app)[0].due_at - now())

    assert len(set(seen)) == 1
    assert len(seen) == 3
    assert waits[0] < waits[1]
    assert boxes(store.app)[0].state is MailState.SENT


def test_after_a_dozen_tries_it_is_given_up_and_the_log_says_so(store: AtCounter) -> None:
    name = acknowledged(store)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    mail = Mail("127.0.0.1", port, Transport.PLAIN, FROM, timeout=timedelta(seconds=1))

    for _ in range(13):
        make_due(store.app)
        send(store, mail)

    [row] = boxes(store.app)
    assert (row.state, row.tries) == (MailState.FAILED, 12)
    assert events(store.app, name)[-1] == "receipt.failed"


def events(app: Service, key: str) -> list[str]:
    with app.database.transaction() as session:
        statement = sa.select(AuditEntry.event).where(AuditEntry.subject_key == key).order_by(AuditEntry.id)
        return [str(event) for event in session.scalars(statement)]


def test_several_senders_at_once_send_each_receipt_once(store: AtCounter) -> None:
    names = [acknowledged(store) for _ in range(6)]
    inbox = Inbox()

    with serving(inbox) as mail:
        threads = [threading.Thread(target=send, args=(store, mail)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len({letter["Message-ID"] for _, _, letter in inbox.taken}) == len(inbox.taken) == len(names)


def test_a_sender_that_dies_after_sending_sends_the_same_message_again(
    store: AtCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledged(store)
    inbox = Inbox()

    with serving(inbox) as mail:
        with monkeypatch.context() as patched:
            patched.setattr(letters, "_settle", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                send(store, mail)
        assert send(store, mail)["sent"] == 0
        make_due(store.app)
        assert send(store, mail)["sent"] == 1

    first, second = (letter["Message-ID"] for _, _, letter in inbox.taken)
    assert first == second


@pytest.mark.parametrize(
    "address",
    [
        "jo@force.example\r\nBcc: all@force.example", "jo@force.example\nX: y", "a@b", "jo", "@force.example",
        "jo@force.example, al@force.example", "Jo <jo@force.example>", "jo@[127.0.0.1]", '"a b"@force.example',
        "jo@force..example", "jo@-force.example", "x" * 65 + "@force.example", "jo@" + "a" * 250 + ".example",
        "jö@force.example", "jo@force.example\0",
    ],
)  # fmt: skip
def test_an_address_that_is_not_one_plain_address_is_refused(api: Api, make: Factory, address: str) -> None:
    collar = make.officer()
    tag = api("GET", f"/people/{collar}").headers["ETag"]

    answer = api("PATCH", f"/people/{collar}", {"email": address}, If_Match=tag)

    assert answer.status_code == 422
    assert api("GET", f"/people/{collar}").json["email"] is None


def test_an_address_that_came_in_otherwise_is_not_sent_to_either(store: AtCounter) -> None:
    acknowledged(store)
    inbox = Inbox()
    with store.app.database.transaction() as session:
        session.execute(sa.text("UPDATE person SET email = E'jo@force.example\\nBcc: all@force.example'"))

    with serving(inbox) as mail:
        assert send(store, mail)["failed"] == 1

    assert inbox.taken == []


def test_a_hostile_name_makes_no_header(store: AtCounter) -> None:
    name, _, _ = store.visit(Factory(store.app.database), email="jo@force.example", name="Jo\tX: y")
    store.acknowledge(name, ATTESTED)
    mail = Mail("localhost", 25, Transport.PLAIN, FROM)

    letter = letters.message(mail, 1, store.read(name), now=now())

    assert set(letter.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"
    }  # fmt: skip


def test_asking_for_it_again_sends_another_but_never_two_at_once(store: AtCounter) -> None:
    name = acknowledged(store)
    api = api_of(store.app, Role.STORE)
    with store.app.database.transaction() as session:
        for _ in range(3):
            outbox.queue(session, TESTER, name, mails=True, now=now())
    assert len(boxes(store.app)) == 1
    with serving(Inbox()) as mail:
        send(store, mail)
    with store.app.database.transaction() as session:
        outbox.queue(session, TESTER, name, mails=True, now=now())

    assert [row.state for row in boxes(store.app)] == [MailState.SENT, MailState.WAITING]
    assert api("POST", f"/visits/{name}/receipt").json["detail"].startswith("This service has no mail server")


def test_the_page_says_why_it_cannot_be_sent(store: AtCounter) -> None:
    name = acknowledged(store, None)

    answer = signed_in(store.app, Role.STORE).post(f"/visits/{name}/receipt")

    assert answer.status_code == 409
    assert "has no mail server" in answer.text


# ---- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key and certificate of a server called localhost, that nobody vouches for but itself."""
    key, names = ec.generate_private_key(ec.SECP256R1()), [x509.DNSName("localhost")]
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    built = built.not_valid_before(now() - timedelta(days=1)).not_valid_after(now() + timedelta(days=1))
    built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signed = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, SHA256())
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + signed.public_bytes(Encoding.PEM)
    )
    return path


def served_with(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_server_without_tls_gets_nothing_unless_it_may_be_plain(store: AtCounter) -> None:
    acknowledged(store)
    inbox = Inbox()

    with serving(inbox) as mail:
        done = send(store, replace(mail, host="localhost", transport=Transport.STARTTLS))

    assert (done["later"], inbox.taken) == (1, [])


def test_a_server_that_nobody_vouches_for_gets_neither_letter_nor_password(store: AtCounter, certificate: Path) -> None:
    acknowledged(store)
    asked: list[str] = []

    with serving(inbox := Inbox(), tls_context=served_with(certificate), authenticator=noting(asked)) as mail:
        secured = replace(mail, host="localhost", transport=Transport.STARTTLS, user="fleet", password="s3cret")
        assert send(store, secured)["later"] == 1

    assert (inbox.taken, asked) == ([], [])


def test_a_trusted_server_gets_both(store: AtCounter, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acknowledged(store)
    asked: list[str] = []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    with serving(inbox := Inbox(), tls_context=served_with(certificate), authenticator=noting(asked)) as mail:
        secured = replace(mail, host="localhost", transport=Transport.STARTTLS, user="fleet", password="s3cret")
        assert send(store, secured)["sent"] == 1

    assert (len(inbox.taken), asked) == (1, ["fleet s3cret"])


def noting(asked: list[str]) -> Callable[..., AuthResult]:
    def authenticate(
        _server: object, _session: object, _envelope: object, _how: str, data: LoginPassword
    ) -> AuthResult:
        asked.append(f"{data.login.decode()} {data.password.decode()}")
        return AuthResult(success=True)

    return authenticate
