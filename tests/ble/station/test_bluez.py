"""The pairing agent as BlueZ sees it. That a real BlueZ pairs with it is tested in a machine of its own."""

import pytest
from dbus_fast.errors import DBusError

from ble.station.bluez import CAPABILITY, Agent

# From BlueZ's doc/org.bluez.Agent.rst: what is asked of an agent of this capability, and with what.
INTERFACE = {
    "Release": ("", ""),
    "Cancel": ("", ""),
    "RequestConfirmation": ("ou", ""),
    "RequestAuthorization": ("o", ""),
    "AuthorizeService": ("os", ""),
    "RequestPinCode": ("o", "s"),
    "RequestPasskey": ("o", "u"),
}


def test_the_agent_has_the_interface_that_bluez_calls() -> None:
    seen = Agent().introspect()
    assert seen.name == "org.bluez.Agent1"
    assert {one.name: (one.in_signature, one.out_signature) for one in seen.methods} == INTERFACE
    assert CAPABILITY == "DisplayYesNo"


@pytest.mark.parametrize("name", ["RequestPinCode", "RequestPasskey", "AuthorizeService"])
def test_the_old_pairing_and_this_machines_services_are_refused(name: str) -> None:
    method = getattr(Agent, name).__wrapped__ if hasattr(getattr(Agent, name), "__wrapped__") else getattr(Agent, name)
    arguments = ["/dev_1"] if name != "AuthorizeService" else ["/dev_1", "uuid"]
    with pytest.raises(DBusError):
        method(Agent(), *arguments)
