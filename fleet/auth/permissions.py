"""What there is to permit, and who is permitted what. One table; nothing else in the service decides by role."""

from collections.abc import Iterable
from enum import StrEnum

from fleet.actors import Actor, Role
from fleet.errors import Forbidden, Unauthenticated


class Permission(StrEnum):
    CAMERA_VIEW = "camera.view"
    CAMERA_EDIT = "camera.edit"
    CAMERA_ISSUE = "camera.issue"
    CAMERA_RETURN = "camera.return"
    CUSTODY_OVERRIDE = "custody.override"
    CAMERA_HOLD = "camera.hold"
    CAMERA_RETIRE = "camera.retire"
    CAMERA_DISPOSE = "camera.dispose"
    LOSS_ASSESS = "loss.assess"
    EXCEPTION_EDIT = "exception.edit"
    STOCK_MANAGE = "stock.manage"
    TERMS_EDIT = "terms.edit"
    VISIT_VIEW = "visit.view"
    PIN_RESET = "pin.reset"
    COUNTER_USE = "counter.use"
    PERSON_VIEW = "person.view"
    PERSON_EDIT = "person.edit"
    TRAINING_EDIT = "training.edit"
    SITE_VIEW = "site.view"
    SITE_EDIT = "site.edit"
    DOCK_EDIT = "dock.edit"
    TASER_VIEW = "taser.view"
    TASER_EDIT = "taser.edit"
    PAIRING_VIEW = "pairing.view"
    PAIRING_MANAGE = "pairing.manage"
    PAIRING_SWITCH = "pairing.switch"
    STATION_MANAGE = "station.manage"
    STATION_WORK = "station.work"
    TRUST_VIEW = "trust.view"
    ACTIVATION_VIEW = "activation.view"
    ACTIVATION_REPORT = "activation.report"
    OWN_KIT_VIEW = "own-kit.view"
    OWN_ACCOUNT = "own-account"
    FRONT_PAGE = "front-page"
    AUDIT_VIEW = "audit.view"
    JOB_VIEW = "job.view"
    WEBHOOK_MANAGE = "webhook.manage"
    REGISTER_RECORD = "register.record"
    ACCOUNT_MANAGE = "account.manage"
    TOKEN_MANAGE = "token.manage"  # noqa: S105 - a permission's name


_LOOK = frozenset({Permission.CAMERA_VIEW, Permission.PERSON_VIEW, Permission.SITE_VIEW, Permission.TASER_VIEW})
_RADIO = frozenset({Permission.PAIRING_VIEW, Permission.ACTIVATION_VIEW})
_SELF = frozenset({Permission.OWN_KIT_VIEW, Permission.OWN_ACCOUNT, Permission.FRONT_PAGE})
_COUNTER = frozenset({Permission.COUNTER_USE, Permission.CAMERA_ISSUE, Permission.CAMERA_RETURN})
_STORE = _COUNTER | {Permission.STOCK_MANAGE, Permission.CAMERA_RETIRE, Permission.PERSON_EDIT, Permission.VISIT_VIEW}
# What a store may not decide about its own stock.
_SUPERVISION = frozenset(
    {
        Permission.CAMERA_HOLD,
        Permission.CAMERA_DISPOSE,
        Permission.LOSS_ASSESS,
        Permission.EXCEPTION_EDIT,
        Permission.TERMS_EDIT,
        Permission.PIN_RESET,
        Permission.CUSTODY_OVERRIDE,
        Permission.TRAINING_EDIT,
        Permission.AUDIT_VIEW,
    }
)

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.STORE: _LOOK | _SELF | _STORE | {Permission.CAMERA_EDIT},
    Role.ARMOURER: _LOOK | _SELF | _RADIO | {Permission.TASER_EDIT, Permission.PAIRING_MANAGE, Permission.TRUST_VIEW},
    Role.IT: _LOOK
    | _SELF
    # Whoever may pair may not also make the station that does it: it takes two to put a rogue one to use.
    | {Permission.PAIRING_VIEW, Permission.PAIRING_SWITCH, Permission.STATION_MANAGE, Permission.TRUST_VIEW}
    | {Permission.CAMERA_EDIT, Permission.DOCK_EDIT, Permission.JOB_VIEW, Permission.WEBHOOK_MANAGE},
    Role.ESTATES: _LOOK | _SELF | {Permission.SITE_EDIT, Permission.DOCK_EDIT},
    Role.SUPERVISOR: _LOOK | _SELF | _STORE | _SUPERVISION | _RADIO,
    Role.AUDITOR: _LOOK | _SELF | _RADIO | {Permission.AUDIT_VIEW, Permission.JOB_VIEW, Permission.VISIT_VIEW},
    Role.OFFICER: _SELF,
    Role.ADMIN: frozenset(Permission),
    Role.DOCK: frozenset({Permission.TRUST_VIEW, Permission.ACTIVATION_REPORT}),
    Role.STATION: frozenset({Permission.STATION_WORK, Permission.TRUST_VIEW, Permission.ACTIVATION_REPORT}),
}
# What is left of a session whose clerk was changed by a badge: a badge is a card on a lanyard, not a password.
BADGE_PERMISSIONS = _COUNTER | {Permission.FRONT_PAGE}


def is_permitted(actor: Actor, permission: Permission) -> bool:
    """Whether the table, and what a badge leaves of it, allows it."""
    if actor.trusted:
        return True
    if actor.role is None:
        return False
    return permission in ROLE_PERMISSIONS[actor.role] and (not actor.badge_only or permission in BADGE_PERMISSIONS)


def require(actor: Actor, permission: Permission) -> None:
    """Let pass or refuse.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the actor's role lacks the permission.
    """
    if is_permitted(actor, permission):
        return
    if actor.role is None:
        raise Unauthenticated("Sign in, or send a bearer token.")
    if actor.badge_only and permission in ROLE_PERMISSIONS[actor.role]:
        raise Forbidden(
            "A badge opens the counter alone. Sign in with your password for this.", mend="you, by signing in"
        )
    able = ", ".join(roles_with([permission])) or "nobody"
    raise Forbidden(f"This needs the permission {permission}, which your role lacks.", mend=able)


def roles_with(permissions: Iterable[Permission]) -> list[str]:
    """The roles that have all of the permissions, in the order of the table."""
    wanted = frozenset(permissions)
    return [str(role) for role, held in ROLE_PERMISSIONS.items() if wanted <= held]
