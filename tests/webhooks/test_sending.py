"""One attempt, against receivers that behave badly: it ends in time, takes little, and goes nowhere else."""

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from fleet.webhooks.addresses import NotAllowed, Where
from fleet.webhooks.sending import Message, Outcome, send
from tests.webhooks.receiver import drip, drip_body, flood, flood_headers, hang, nonsense, raw, receiving

HERE = Where((ip_network("127.0.0.0/8"),), plain_http=True)
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)


def sent(url: str, where: Where = HERE, limit_s: float = 2) -> Outcome:
    return send(Message(url, b"{}", {"webhook-id": "x"}), where, now=NOW, limit_s=limit_s)


def test_a_receiver_that_takes_it_is_a_success() -> None:
    with receiving() as receiver:
        outcome = sent(receiver.url)

    assert outcome == Outcome(204)
    assert outcome.is_success
    assert receiver.got[0].body == b"{}"
    assert receiver.got[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("behave", [hang, drip, drip_body], ids=lambda behave: behave.__name__)
def test_however_slowly_it_answers_the_attempt_ends_in_time(behave: Callable[[socket.socket], None]) -> None:
    with raw(behave) as url:
        began = time.monotonic()
        outcome = sent(url, limit_s=1)

    assert outcome == Outcome(None, "No whole answer within 1 seconds.")
    assert time.monotonic() - began < 10


def test_a_body_without_an_end_is_not_read_to_it() -> None:
    with raw(flood) as url:
        assert sent(url, limit_s=20) == Outcome(200)


@pytest.mark.parametrize("behave", [flood_headers, nonsense], ids=lambda behave: behave.__name__)
def test_what_is_no_answer_is_a_failure(behave: Callable[[socket.socket], None]) -> None:
    with raw(behave) as url:
        outcome = sent(url, limit_s=20)

    assert outcome.status is None
    assert outcome.error is not None
    assert outcome.error.startswith("No answer")


def test_a_redirect_is_not_followed() -> None:
    with receiving() as inside, receiving() as receiver:
        receiver.answers, receiver.more = [302], {"Location": inside.url}
        outcome = sent(receiver.url)

    assert (outcome.status, outcome.is_success) == (302, False)
    assert "redirect" in str(outcome.error)
    assert inside.got == []


def test_nobody_listening_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert str(sent(f"http://127.0.0.1:{port}/").error).startswith("No answer")
    assert str(sent("http://no-such-host.invalid/").error).startswith("Not reached")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("999999999", 86_400),
        ("Wed, 03 Jun 2026 12:05:00 GMT", 300),
        ("soon", None),
        ("-5", None),
        ("Wed, 03 Jun 2026 12:05:00 +9999999999999999999999", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_and_bounded(said: str, seconds: float | None) -> None:
    with receiving() as receiver:
        receiver.answers, receiver.more = [503], {"Retry-After": said}

        assert sent(receiver.url).retry_after_s == seconds


@pytest.mark.parametrize("host", ["a..example", "x" * 64 + ".example", ".example"])
def test_a_name_that_no_host_can_have_is_refused_and_never_raises(host: str) -> None:
    with pytest.raises(NotAllowed):
        HERE.require_url(f"https://{host}/")
    assert sent(f"https://{host}/").status is None
    with pytest.raises(UnicodeError):
        HERE.resolve(host, 443)


REFUSED = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0",  # noqa: S104 - refused
    "0.1.2.3", "169.254.169.254", "169.254.1.1", "224.0.0.1", "255.255.255.255",
    "100.100.100.200", "168.63.129.16", "192.0.0.192", "::1", "::", "fe80::1", "ff02::1", "fd00:ec2::254",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip
ALLOWED = [
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "fd12::1",
    "93.184.216.34",
    "2606:2800:220:1::1",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("address", REFUSED)
def test_this_machine_its_link_and_a_clouds_services_are_refused(address: str) -> None:
    with pytest.raises(NotAllowed):
        Where().require_address(ip_address(address))


@pytest.mark.parametrize("address", ALLOWED)
def test_the_intranet_and_the_internet_are_allowed(address: str) -> None:
    Where().require_address(ip_address(address))


def test_what_the_settings_name_is_allowed_and_nothing_more() -> None:
    where = Where((ip_network("127.0.0.0/8"),))

    where.require_address(ip_address("127.0.0.1"))
    where.require_address(ip_address("::ffff:127.0.0.1"))
    with pytest.raises(NotAllowed):
        where.require_address(ip_address("169.254.169.254"))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/", "file:///etc/passwd", "http://x/", "https://", "x", "", "https://a b/", "https://u:p@x/",
        "https://x/#part", "https://x:99999/", "https://127.0.0.1/", "https://[::1]/", "https://x/\r\nX: y",
        "https://" + "x" * 500, "https://käse.example/",
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(NotAllowed):
        Where().require_url(url)


def test_a_name_that_leads_to_this_machine_is_refused_when_it_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        outcome = sent(f"http://localhost:{port}/", Where(plain_http=True))

    assert "no webhook may be sent" in str(outcome.error)
    assert receiver.got == []


def test_a_name_that_leads_elsewhere_a_moment_later_is_connected_to_as_it_was_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    resolve = socket.getaddrinfo

    def rebinding(host: Any, *rest: Any, **options: Any) -> Any:
        asked.append(host)
        # The first answer is harmless; any later one would be this machine.
        return resolve("127.0.0.9" if asked.count("rebind.example") == 1 else "127.0.0.1", *rest, **options)

    with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        where = Where((ip_network("127.0.0.9/32"),), plain_http=True)
        outcome = sent(f"http://rebind.example:{port}/", where)

    assert asked.count("rebind.example") == 1
    assert not outcome.is_success
    assert receiver.got == []
