"""Every kind of thing that the log can say."""

from enum import StrEnum


class Event(StrEnum):
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_CHANGED = "account.changed"
    ACCOUNT_LOCKED = "account.locked"
    ACCOUNT_UNLOCKED = "account.unlocked"
    ACCOUNT_CLOSED = "account.closed"
    BADGE_ISSUED = "account.badge-issued"
    PASSWORD_CHANGED = "account.password-changed"  # noqa: S105 - an event's name
    PASSWORD_RESET = "account.password-reset"  # noqa: S105 - an event's name
    SIGNED_IN = "sign-in.done"
    SIGN_IN_REFUSED = "sign-in.refused"
    SIGNED_OUT = "sign-in.ended"
    CLERK_CHANGED = "counter.clerk-changed"
    COUNTER_LOCKED = "counter.locked"
    COUNTER_ACT_REFUSED = "counter.act-refused"
    COUNTER_ACT_WITHDRAWN = "counter.act-withdrawn"
    COUNTER_ACT_SETTLED = "counter.act-settled"
    TOKEN_CREATED = "token.created"  # noqa: S105 - an event's name
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - an event's name
    ACT_DENIED = "act.denied"
    PERSON_REGISTERED = "person.registered"
    PERSON_CHANGED = "person.changed"
    SITE_REGISTERED = "site.registered"
    SITE_CHANGED = "site.changed"
    SITE_STAGE_REACHED = "site.stage-reached"
    DOCK_REGISTERED = "dock.registered"
    DOCK_CHANGED = "dock.changed"
    CAMERA_REGISTERED = "camera.registered"
    CAMERA_CHANGED = "camera.changed"
    CAMERA_ISSUED = "camera.issued"
    CAMERA_RETURNED = "camera.returned"
    CAMERA_CHECKED = "camera.checked"
    CAMERA_MOVED = "camera.moved"
    ISSUE_UNDONE = "camera.issue-undone"
    RETURN_UNDONE = "camera.return-undone"
    ISSUE_REFUSED = "camera.issue-refused"
    RULE_OVERRIDDEN = "rule.overridden"
    TASER_REGISTERED = "taser.registered"
    TASER_CHANGED = "taser.changed"
    REGISTER_IMPORTED = "register.imported"
    REGISTER_EXPORTED = "register.exported"
    DEMONSTRATION_LOADED = "demonstration.loaded"


class Subject(StrEnum):
    """What kind of thing an entry is about; the entry's key is that thing's own identifier."""

    ACCOUNT = "account"
    TOKEN = "token"  # noqa: S105 - a kind of subject
    PERSON = "person"
    SITE = "site"
    DOCK = "dock"
    CAMERA = "camera"
    TASER = "taser"
    COUNTER_ACT = "counter-act"
    REGISTER = "register"
    ROUTE = "route"
