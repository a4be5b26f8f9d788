"""Settings are read once and checked: every bad one is named, and one that is not known is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from fleet.settings import Acknowledging, Mail, Policy, PoolReadiness, Settings, SettingsError, Transport, kept_secret
from tlog.note import Signer

SECRET = "s" * 32
LOG_KEY = Signer("force", b"k" * 32).secret()
OLDER_KEYS = [str(Signer("force", seed * 32).verifier) for seed in (b"a", b"b")]
BAD = {
    "FLEET_POOL_READINESS": ["soon", "AT-ONCE"],
    "FLEET_MINIMUM_CHARGE_PERCENT": ["-1", "101", "80%", "8.5", "²"],
    "FLEET_CLOCK_TOLERANCE_S": ["0", "86401", "a minute"],
    "FLEET_POOL_LOAN_S": ["59", "2678401"],
    "FLEET_UNDO_WINDOW_S": ["0", "3601"],
    "FLEET_COUNTER_IDLE_S": ["4", "86401"],
    "FLEET_OVERDUE_STEPS_H": ["24,0", "0,0", "a day", ","],
    "FLEET_TRAINING_NOTICE_DAYS": ["0", "367"],
    "FLEET_WEBHOOK_NETWORKS": ["somewhere", "10.0.0.0/33"],
    "FLEET_WEBHOOK_PLAIN_HTTP": ["yes"],
    "FLEET_ACKNOWLEDGEMENT": ["on", "Required"],
    "FLEET_FORCE_NAME": ["x" * 61, "a\nb"],
    "FLEET_SMTP_TIMEOUT_S": ["0", "301"],
    "FLEET_DATABASE_URL": ["mysql://x", "localhost", "postgresql:/x"],
    "FLEET_OWNER_DATABASE_URL": ["sqlite://"],
    "FLEET_SEALER_DATABASE_URL": ["sqlite://"],
    "FLEET_LOG_ORIGIN": ["two words", "a+b"],
    "FLEET_LOG_KEY": ["hunter2", LOG_KEY[:-4], LOG_KEY.replace("force", "farce")],
    "FLEET_LOG_OLDER_KEYS": ["force", LOG_KEY],
    "FLEET_CHECKPOINTS_URL": ["nonesuch://bucket"],
    "FLEET_SECRET_KEY": ["short", "s" * 31],
    "FLEET_DEMO": ["yes", "true", "2"],
    "FLEET_SECURE_COOKIES": ["on"],
    "FLEET_TRUSTED_PROXIES": ["-1", "6"],
    "FLEET_SESSION_HOURS": ["0", "25"],
}


def test_without_any_setting_there_are_sensible_ones() -> None:
    settings = Settings.from_env({})

    assert settings.policy == Policy()
    assert (settings.database_url, settings.owner_database_url) == (None, None)
    assert settings.demonstration
    assert settings.var == Path("var").absolute()


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"\n  {name}: "):
        Settings.from_env({name: value})


def test_every_bad_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env({name: values[0] for name, values in BAD.items()} | {"FLEET_TYPO": "1"})

    assert [name for name in [*BAD, "FLEET_TYPO"] if f"\n  {name}: " not in str(refusal.value)] == []


@pytest.mark.parametrize("name", ["FLEET_", "FLEET_DEMOS", "FLEET_DATABSE_URL", "FLEET_demo"])
def test_a_setting_that_is_not_known_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: no such setting"):
        Settings.from_env({name: "1"})


def test_what_is_not_the_services_is_left_alone() -> None:
    settings = Settings.from_env({"PATH": "/bin", "FLEETING": "1", "XFLEET_DEMO": "x"})

    assert settings == Settings.from_env({})


def test_an_empty_setting_is_none() -> None:
    assert Settings.from_env(dict.fromkeys(BAD, "")) == Settings.from_env({})


def test_every_good_setting_is_read(tmp_path: Path) -> None:
    settings = Settings.from_env(
        {
            "FLEET_VAR": str(tmp_path),
            "FLEET_SECRET_KEY": SECRET,
            "FLEET_DATABASE_URL": "postgres://app@host/fleet",
            "FLEET_OWNER_DATABASE_URL": "postgresql://owner@host/fleet",
            "FLEET_SEALER_DATABASE_URL": "postgresql://sealer@host/fleet",
            "FLEET_LOG_ORIGIN": "fleet.example/log",
            "FLEET_LOG_KEY": LOG_KEY,
            "FLEET_LOG_OLDER_KEYS": ", ".join(OLDER_KEYS),
            "FLEET_CHECKPOINTS_URL": "s3://bucket/log",
            "FLEET_DEMO": "0",
            "FLEET_SECURE_COOKIES": "1",
            "FLEET_TRUSTED_PROXIES": "2",
            "FLEET_SESSION_HOURS": "8",
            "FLEET_POOL_READINESS": "at-once",
            "FLEET_MINIMUM_CHARGE_PERCENT": "0",
            "FLEET_CLOCK_TOLERANCE_S": "30",
            "FLEET_POOL_LOAN_S": "3600",
            "FLEET_UNDO_WINDOW_S": "120",
            "FLEET_COUNTER_IDLE_S": "60",
            "FLEET_ACKNOWLEDGEMENT": "required",
            "FLEET_FORCE_NAME": "Made-up Police",
            "FLEET_SMTP_URL": "smtp://fleet:p%40ss@mail.force.example",
            "FLEET_MAIL_FROM": "fleet@force.example",
            "FLEET_SMTP_TIMEOUT_S": "5",
        }
    )

    assert settings == Settings(
        var=tmp_path,
        secret_key=SECRET,
        database_url="postgresql+psycopg://app@host/fleet",
        owner_database_url="postgresql+psycopg://owner@host/fleet",
        sealer_database_url="postgresql+psycopg://sealer@host/fleet",
        log_origin="fleet.example/log",
        log_key=LOG_KEY,
        log_older_keys=tuple(OLDER_KEYS),
        checkpoints_url="s3://bucket/log",
        demonstration=False,
        secure_cookies=True,
        trusted_proxies=2,
        session_hours=8,
        policy=Policy(
            pool_readiness=PoolReadiness.AT_ONCE,
            minimum_charge_percent=0,
            clock_tolerance=timedelta(seconds=30),
            pool_loan=timedelta(hours=1),
            undo_window=timedelta(minutes=2),
            counter_idle=timedelta(minutes=1),
            acknowledgement=Acknowledging.REQUIRED,
            mails=True,
        ),
        mail=Mail(
            "mail.force.example", 587, Transport.STARTTLS, "fleet@force.example", "fleet", "p@ss", timedelta(seconds=5)
        ),
        force_name="Made-up Police",
    )
    assert "p@ss" not in repr(settings)


def test_one_database_role_may_do_both() -> None:
    settings = Settings.from_env({"FLEET_DATABASE_URL": "postgresql://both@host/fleet"})

    assert settings.owner_database_url == settings.sealer_database_url == settings.database_url


def test_the_owner_seals_unless_there_is_a_sealer() -> None:
    settings = Settings.from_env(
        {
            "FLEET_DATABASE_URL": "postgresql://app@host/fleet",
            "FLEET_OWNER_DATABASE_URL": "postgresql://owner@host/fleet",
        }
    )

    assert settings.sealer_database_url == settings.owner_database_url


def test_a_place_without_a_scheme_is_a_folder() -> None:
    settings = Settings.from_env({"FLEET_CHECKPOINTS_URL": "kept/notes"})

    assert settings.checkpoints_url == Path("kept/notes").absolute().as_uri()


def test_what_is_refused_shows_no_secret() -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env(
            {"FLEET_SECRET_KEY": "hunter2", "FLEET_LOG_KEY": "hunter4", "FLEET_DATABASE_URL": "mysql://u:hunter3@h/d"}
        )

    assert "hunter" not in str(refusal.value)


def test_a_kept_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key"

    first, second = kept_secret(path), kept_secret(path)

    assert first == second
    assert len(first) >= 32
    assert path.stat().st_mode & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "url",
    [
        "mail.example", "http://mail.example", "smtp://", "smtp://mail.example/box", "smtp://mail.example?tls=no",
        "smtp://fleet@mail.example", "smtp+plain://fleet:hunter2@mail.example", "smtp://fleet:hunter2@mail.example:x",
        "smtp://fleet:hunter2@mail.example:99999",
    ],
)  # fmt: skip
def test_a_mail_server_that_cannot_be_is_named_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="FLEET_SMTP_URL") as wrong:
        Settings.from_env({"FLEET_SMTP_URL": url, "FLEET_MAIL_FROM": "fleet@force.example"})

    assert "hunter2" not in str(wrong.value)


@pytest.mark.parametrize("sender", ["fleet", "@force.example", "a b@force.example", "Fleet <f@force.example>", "a@b@c"])
def test_a_sender_that_is_no_plain_address_is_named(sender: str) -> None:
    with pytest.raises(SettingsError, match="FLEET_MAIL_FROM"):
        Settings.from_env({"FLEET_SMTP_URL": "smtps://mail.example", "FLEET_MAIL_FROM": sender})


def test_a_mail_server_needs_a_sender() -> None:
    with pytest.raises(SettingsError, match="FLEET_MAIL_FROM: is needed"):
        Settings.from_env({"FLEET_SMTP_URL": "smtps://mail.example"})
