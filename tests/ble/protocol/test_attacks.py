"""What an attacker tries, property by property of docs/protocol.md, carried out by an attacker who holds the wires.

``Attacker`` hears and changes everything that a station and its devices say to each other. With a station's keys (a
stolen one, or a rogue armourer's) it also reads what the records hold.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from cryptography.exceptions import InvalidTag

from ble.protocol import cbor, labels, messages, permits
from ble.protocol.cose import PrivateKey
from ble.protocol.credentials import Kind
from ble.protocol.edhoc import claim_set
from ble.protocol.levels import Bluetooth, Encryption
from ble.protocol.memory import Memory
from ble.protocol.messages import Answer, Offer, Ready, Receipt, Refused, Relay, Reported
from ble.protocol.pairing import TaserSide
from ble.protocol.permits import LIFETIME_S, Permit, Purpose
from ble.protocol.relay import Action, Ask, NeedPermit, Side
from ble.protocol.reports import Report
from ble.protocol.session import SessionError
from ble.protocol.steps import Refusal
from tests.ble.protocol import rfc9528
from tests.ble.protocol.parties import NOW, YEAR, Force, Interrupted, Owner, Pair, Station, new_pair


@dataclass
class Attacker:
    """Sits between a station and its devices, and may be the station."""

    pair: Pair
    heard: list[bytes] = field(default_factory=list)
    read: list[messages.Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.station = self.pair.station
        self.station.wire = self.wire
        self.station.before = self.overhear

    def wire(self, _side: Side, _direction: str, data: bytes) -> list[bytes]:
        """Record what goes over the air."""
        self.heard.append(data)
        return [data]

    def overhear(self, action: Action) -> Action:
        """Record what the station reads."""
        if isinstance(action, Ask):
            self.read.append(action.request)
        return action

    def becomes_a_station(self, credential: bytes, key: PrivateKey) -> None:
        """Speak to the devices with this credential and this key."""
        self.station.credential, self.station.key = credential, key

    def sends_instead(self, side: Side, kind: type[object], change: Callable[[object], object]) -> None:
        """As a rogue station: change what is asked of a device, every time that a request of this kind is."""

        def before(action: Action) -> Action:
            if isinstance(action, Ask) and action.side is side and isinstance(action.request, kind):
                return Ask(side, change(action.request))
            return action

        self.station.before = before

    def reports(self) -> tuple[Reported, Reported]:
        """Open sessions with both devices and take their reports."""
        for side in Side:
            self.station.connect(side)
        taser, camera = (self.station.ask(side, messages.ReportRequest(b"")) for side in Side)
        assert isinstance(taser, Reported)
        assert isinstance(camera, Reported)
        return taser, camera

    def offers(self, side: Side, permit: bytes, peer: bytes) -> Answer:
        """Offer a permit to a device."""
        return self.station.ask(side, Offer(permit, peer))


def _refusal(answer: Answer) -> str:
    assert isinstance(answer, Refused), answer
    return answer.reason


def _require_unpaired(pair: Pair) -> None:
    assert not pair.taser_holds
    assert not pair.camera_holds


def _swap(owner: Owner, side: TaserSide) -> None:
    owner.side, owner.stored = side, side.memory.encode()


# A1: only devices that the force commissioned, and has not revoked, can pair; each proves its own key.


def test_a1_a_taser_with_a_credential_of_its_own_making_is_not_paired() -> None:
    pair, stranger = new_pair(), Force()
    taser = stranger.commission(Memory.new(Kind.TASER, "SP-0001"))
    _swap(pair.taser, TaserSide(replace(taser, trust=pair.force.trust)))

    with pytest.raises(Interrupted, match="not trusted for a credential"):
        pair.station.pair()
    _require_unpaired(pair)


def test_a1_a_dishonest_station_cannot_pass_off_an_uncommissioned_taser_on_a_camera() -> None:
    pair, stranger = new_pair(), Force()
    attacker = Attacker(pair)
    taser, camera = attacker.reports()
    permit = pair.force.permit(taser, camera, pair.station.key.public.id)
    impostor = stranger.commission(Memory.new(Kind.TASER, "SP-0001"))

    assert _refusal(attacker.offers(Side.CAMERA, permit, impostor.credential)) == Refusal.PEER


def test_a1_a_taser_that_shows_anothers_credential_without_its_key_is_not_paired() -> None:
    pair = new_pair()
    impostor = replace(pair.taser.memory, agreement=PrivateKey.generate())
    _swap(pair.taser, TaserSide(impostor))

    with pytest.raises(Interrupted, match="another device than the one at the other end"):
        pair.station.pair()
    _require_unpaired(pair)


def _play_the_taser(attacker: Attacker, static: PrivateKey, ead: Callable[[bytes], dict[int, bytes]]) -> Answer:
    """As a station: carry out the pair's handshake with the camera oneself, in the Taser's name."""
    permit, taser, _ = _genuine(attacker)
    signed = permit.issue(attacker.pair.force.signer)
    name, camera = attacker.pair.taser.memory.agreement.public, attacker.pair.camera.memory.agreement.public
    player = rfc9528.Initiator(static, PrivateKey.generate(), claim_set(name), cbor.encode(0))
    assert isinstance(attacker.offers(Side.CAMERA, signed, taser.credential), Ready)

    second = attacker.station.ask(Side.CAMERA, Relay(player.message_1()))
    assert isinstance(second, Relay)
    player.read_2(second.message, camera, claim_set(camera))
    third = player.message_3(ead(permits.digest(signed)), rfc9528.by_reference(name))
    return attacker.station.ask(Side.CAMERA, Relay(third))


def _as_it_should_be(digest: bytes) -> dict[int, bytes]:
    return {labels.EAD_PERMIT: digest, labels.EAD_STATE: cbor.encode([1, b""])}


def test_a1_in_the_pairs_handshake_too_the_taser_proves_its_key() -> None:
    attacker = Attacker(new_pair())

    assert _refusal(_play_the_taser(attacker, attacker.station.key, _as_it_should_be)) == Refusal.HANDSHAKE
    _require_unpaired(attacker.pair)


def test_a1_with_the_tasers_key_the_same_attempt_gets_through() -> None:
    attacker = Attacker(new_pair())

    assert isinstance(_play_the_taser(attacker, attacker.pair.taser.memory.agreement, _as_it_should_be), Relay)


@pytest.mark.parametrize(
    "ead",
    [
        lambda _: _as_it_should_be(bytes(32)),
        lambda digest: {labels.EAD_PERMIT: digest},
        lambda digest: _as_it_should_be(digest) | {labels.EAD_HELLO: digest},
        lambda digest: _as_it_should_be(digest) | {labels.EAD_STATE: cbor.encode([-1, b""])},
        lambda digest: _as_it_should_be(digest) | {labels.EAD_STATE: cbor.encode([1, b"short"])},
        lambda digest: _as_it_should_be(digest) | {labels.EAD_STATE: b"\xff"},
    ],
)
def test_a4_a_genuine_taser_that_binds_anything_else_is_refused(ead: Callable[[bytes], dict[int, bytes]]) -> None:
    attacker = Attacker(new_pair())

    assert _refusal(_play_the_taser(attacker, attacker.pair.taser.memory.agreement, ead)) == Refusal.HANDSHAKE
    _require_unpaired(attacker.pair)


@pytest.mark.parametrize("kind", [Kind.TASER, Kind.STATION])
def test_a1_a_genuine_device_of_another_kind_is_no_camera(kind: Kind) -> None:
    attacker = Attacker(new_pair())
    permit, _, _ = _genuine(attacker)
    other = attacker.pair.force.commission(Memory.new(kind, "BW2-0001"))
    permit = replace(permit, camera=replace(permit.camera, key=other.agreement.public.id))

    answer = attacker.offers(Side.TASER, permit.issue(attacker.pair.force.signer), other.credential)

    assert _refusal(answer) == Refusal.OTHER_DEVICES


@pytest.mark.parametrize("who", Side)
def test_a1_a_revoked_device_is_not_paired_by_a_peer_that_knows(who: Side) -> None:
    pair = new_pair()
    attacker = Attacker(pair)
    revoked = pair.station.owners[who].memory.agreement.public.id
    other = next(side for side in Side if side is not who)
    permit = pair.force.permit(*attacker.reports(), pair.station.key.public.id)
    pair.station.disconnect()
    pair.force.revoke(revoked)
    pair.station.chain = pair.force.chain

    taser, camera = attacker.reports()
    nonces = [Report.read(one.report, pair.station.owners[side].memory.signing.public).nonce
              for side, one in ((Side.TASER, taser), (Side.CAMERA, camera))]  # fmt: skip
    old = Permit.read(permit, [pair.force.signer.public])
    permit = replace(old, taser=replace(old.taser, nonce=nonces[0]), camera=replace(old.camera, nonce=nonces[1])).issue(
        pair.force.signer
    )
    peer = {Side.TASER: taser, Side.CAMERA: camera}[who].credential

    assert _refusal(attacker.offers(other, permit, peer)) == Refusal.PEER


def test_a1_the_service_gives_no_permit_for_a_revoked_device() -> None:
    pair = new_pair()
    pair.force.revoke(pair.camera.memory.signing.public.id)

    with pytest.raises(Interrupted, match="revoked"):
        pair.station.pair()
    _require_unpaired(pair)


# A2: no pairing without a fresh permit of the service for exactly these two devices, this station, ten minutes.


def _genuine(attacker: Attacker) -> tuple[Permit, Reported, Reported]:
    taser, camera = attacker.reports()
    signed = attacker.pair.force.permit(taser, camera, attacker.station.key.public.id)
    return Permit.read(signed, [attacker.pair.force.signer.public]), taser, camera


def test_a2_a_rogue_armourer_with_a_genuine_station_cannot_sign_a_permit() -> None:
    attacker = Attacker(new_pair())
    permit, taser, camera = _genuine(attacker)
    forged = permit.issue(attacker.station.key)

    assert _refusal(attacker.offers(Side.TASER, forged, camera.credential)) == Refusal.PERMIT
    assert _refusal(attacker.offers(Side.CAMERA, forged, taser.credential)) == Refusal.PERMIT


Change = Callable[[Permit], Permit]
OTHERS: dict[str, tuple[Change, str]] = {
    "another taser": (lambda one: replace(one, taser=replace(one.taser, serial="SP-9")), Refusal.OTHER_DEVICES),
    "another taser's key": (lambda one: replace(one, taser=replace(one.taser, key=b"k" * 8)), Refusal.OTHER_DEVICES),
    "another x2": (lambda one: replace(one, taser_serial="X2-9"), Refusal.OTHER_DEVICES),
    "another camera": (lambda one: replace(one, camera=replace(one.camera, serial="C-9")), Refusal.OTHER_DEVICES),
    "another camera's key": (lambda one: replace(one, camera=replace(one.camera, key=b"k" * 8)), Refusal.OTHER_DEVICES),
    "another station": (lambda one: replace(one, station=b"s" * 8), Refusal.OTHER_STATION),
    "another moment": (lambda one: replace(one, taser=replace(one.taser, nonce=b"n" * 16)), Refusal.NOT_FRESH),
    "companions": (lambda one: replace(one, purpose=Purpose.COMPANION), Refusal.OTHER_DEVICES),
    "a re-key": (lambda one: replace(one, purpose=Purpose.REKEY), Refusal.NOT_PAIRED),
    "a better link": (lambda one: replace(one, bluetooth=Bluetooth.AUTHENTICATED), Refusal.LEVEL),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a2_a_permit_for_something_else_is_refused_by_the_taser(what: str) -> None:
    attacker = Attacker(new_pair())
    permit, _, camera = _genuine(attacker)
    change, reason = OTHERS[what]

    answer = attacker.offers(Side.TASER, change(permit).issue(attacker.pair.force.signer), camera.credential)

    assert _refusal(answer) == reason
    _require_unpaired(attacker.pair)


def test_a2_a_permit_is_used_once() -> None:
    attacker = Attacker(new_pair())
    permit, taser, camera = _genuine(attacker)
    signed = permit.issue(attacker.pair.force.signer)

    assert isinstance(attacker.offers(Side.TASER, signed, camera.credential), Relay)
    assert isinstance(attacker.offers(Side.CAMERA, signed, taser.credential), Ready)
    attacker.station.disconnect()
    attacker.reports()
    assert _refusal(attacker.offers(Side.TASER, signed, camera.credential)) == Refusal.NOT_FRESH
    assert _refusal(attacker.offers(Side.CAMERA, signed, taser.credential)) == Refusal.NOT_FRESH


@pytest.mark.parametrize("jump", [-10 * YEAR, -3_600, 3_600, YEAR - 1])
def test_a2_a_permits_end_hangs_on_no_clock_that_can_be_set(jump: int) -> None:
    pair = new_pair()

    def set_clock(action: Action) -> Action:
        if isinstance(action, NeedPermit):
            pair.taser.vitals = replace(pair.taser.vitals, clock=NOW + jump)
            pair.taser.uptime_s += LIFETIME_S
        return action

    pair.station.before = set_clock
    with pytest.raises(Interrupted, match=Refusal.EXPIRED):
        pair.station.pair()
    _require_unpaired(pair)


@pytest.mark.parametrize("jump", [-10 * YEAR, -3_600, 3_600, YEAR - 1])
def test_a2_a_clock_that_jumps_within_the_ten_minutes_stops_nothing(jump: int) -> None:
    pair = new_pair()

    def set_clock(action: Action) -> Action:
        if isinstance(action, NeedPermit):
            for device in (pair.taser, pair.camera):
                device.vitals = replace(device.vitals, clock=NOW + jump)
        return action

    pair.station.before = set_clock
    pair.require_paired(pair.station.pair())


@pytest.mark.parametrize(
    ("side", "vitals"),
    [
        (Side.TASER, {"bluetooth": Bluetooth.LEGACY}),
        (Side.CAMERA, {"bluetooth": Bluetooth.LEGACY}),
        (Side.CAMERA, {"encryption": Encryption.AES128}),
        (Side.CAMERA, {"encryption": None}),
    ],
)
def test_a2_a_device_refuses_below_the_level_that_the_permit_requires(side: Side, vitals: dict[str, object]) -> None:
    pair = new_pair()
    device = pair.station.owners[side]
    device.vitals = replace(device.vitals, **vitals)

    with pytest.raises(Interrupted, match=Refusal.LEVEL):
        pair.station.pair()
    _require_unpaired(pair)


def test_a2_a_station_cannot_report_a_higher_level_than_the_device_signed() -> None:
    pair = new_pair()
    pair.camera.vitals = replace(pair.camera.vitals, encryption=Encryption.NONE)
    _, camera = Attacker(pair).reports()
    memory = pair.camera.memory
    credential = pair.force.trust.credential(camera.credential, now=NOW)
    report = Report.read(camera.report, credential.signing)

    assert report.vitals.encryption is Encryption.NONE
    raised = replace(report, vitals=replace(report.vitals, encryption=Encryption.AES256))
    forged = Reported(memory.credential, raised.sign(PrivateKey.generate()))
    with pytest.raises(SessionError, match="not trusted for a report"):
        pair.station.sessions[Side.CAMERA].identify(forged, pair.force.trust, now=NOW)


def test_a2_two_permits_for_the_same_two_devices_do_not_mix() -> None:
    pair = new_pair()
    attacker = Attacker(pair)

    def another(request: object) -> object:
        assert isinstance(request, Offer)
        genuine = Permit.read(request.permit, [pair.force.signer.public])
        return Offer(replace(genuine, job="18").issue(pair.force.signer), request.peer)

    attacker.sends_instead(Side.TASER, Offer, another)
    with pytest.raises(Interrupted, match=f"taser: {Refusal.HANDSHAKE}"):
        pair.station.pair()
    _require_unpaired(pair)


def test_a2_two_signatures_over_the_same_permit_do_not_mix_either() -> None:
    pair = new_pair()
    attacker = Attacker(pair)

    def again(request: object) -> object:
        assert isinstance(request, Offer)
        return Offer(Permit.read(request.permit, [pair.force.signer.public]).issue(pair.force.signer), request.peer)

    attacker.sends_instead(Side.TASER, Offer, again)
    with pytest.raises(Interrupted, match=f"taser: {Refusal.HANDSHAKE}"):
        pair.station.pair()
    _require_unpaired(pair)


def test_a2_a_pairing_that_is_held_already_is_not_made_again() -> None:
    attacker = Attacker(new_pair())
    attacker.station.pair()
    (held,) = attacker.pair.taser_holds
    permit, _, camera = _genuine(attacker)

    answer = attacker.offers(Side.TASER, replace(permit, id=held).issue(attacker.pair.force.signer), camera.credential)

    assert _refusal(answer) == Refusal.NOT_FRESH


def test_a2_a_report_that_was_made_for_another_station_is_refused() -> None:
    pair = new_pair()
    overheard, _ = Attacker(pair).reports()
    pair.station.disconnect()
    second = Station(pair.force, pair.taser, pair.camera)
    session = second.connect(Side.TASER)

    with pytest.raises(SessionError, match="another station"):
        session.identify(overheard, pair.force.trust, now=NOW)


def test_a2_the_peer_in_an_offer_is_the_one_of_the_permit() -> None:
    pair = new_pair()
    other = pair.force.commission(Memory.new(Kind.CAMERA, "BW2-0009"))
    Attacker(pair).sends_instead(
        Side.TASER, Offer, lambda request: replace(request, peer=other.credential)
    )  # fmt: skip

    with pytest.raises(Interrupted, match=Refusal.OTHER_DEVICES):
        pair.station.pair()
    _require_unpaired(pair)


# A3: the station relays and never learns the pair's key; nor does the service; nobody holds it but the two.


def _everything(attacker: Attacker) -> bytes:
    return b"".join(attacker.heard) + b"".join(map(messages.encode, attacker.read))


def test_a3_nothing_that_the_station_or_the_service_sees_holds_a_key_of_the_pair() -> None:
    attacker = Attacker(new_pair())
    agreed = attacker.station.pair()
    (keys,) = attacker.pair.taser_holds.values()
    seen = _everything(attacker) + agreed.taser + agreed.camera

    assert not [key for key in keys if key in seen]
    assert len(set(keys)) == 3


def test_a3_what_both_receipts_share_is_none_of_the_keys() -> None:
    pair = new_pair()
    pair.station.pair()
    (keys,) = pair.taser_holds.values()

    assert pair.taser.memory.pairings[0].check not in keys


def _in_the_middle(attacker: Attacker, static: PrivateKey, identity: bytes, credential: bytes) -> None:
    """Answer the Taser's message 1 oneself, in the camera's place."""
    middle = rfc9528.Responder(static, PrivateKey.generate(), credential, cbor.encode(0), identity)
    second: list[bytes] = []

    def before(action: Action) -> Action:
        match action:
            case Ask(Side.CAMERA, Relay(message)) if not second:
                permit = attacker.read[-1]
                assert isinstance(permit, Offer)
                second.append(middle.message_2(message, {labels.EAD_PERMIT: permits.digest(permit.permit)}))
            case Ask(Side.TASER, Relay()):
                return Ask(Side.TASER, Relay(second[0]))
        return attacker.overhear(action)

    attacker.station.before = before


def test_a3_a_station_that_answers_with_a_key_of_its_own_is_found_out() -> None:
    attacker = Attacker(new_pair())
    own = attacker.station.key
    _in_the_middle(attacker, own, rfc9528.by_reference(own.public), claim_set(own.public))

    with pytest.raises(Interrupted, match="another device or another permit"):
        attacker.station.pair()
    _require_unpaired(attacker.pair)


def test_a3_a_station_that_answers_in_the_cameras_name_is_found_out() -> None:
    attacker = Attacker(new_pair())
    camera = attacker.pair.camera.memory.agreement.public
    _in_the_middle(attacker, attacker.station.key, rfc9528.by_reference(camera), claim_set(camera))

    with pytest.raises(Interrupted, match="MacVerification"):
        attacker.station.pair()
    _require_unpaired(attacker.pair)


def test_a3_the_one_in_the_middle_would_get_through_with_the_cameras_key() -> None:
    """The same attacker with the one thing that it lacks: so it is the key that the tests above hang on."""
    attacker = Attacker(new_pair())
    camera = attacker.pair.camera.memory.agreement
    _in_the_middle(attacker, camera, b"", claim_set(camera.public))

    with pytest.raises(Interrupted, match="camera: handshake-failed"):
        attacker.station.pair()
    _require_unpaired(attacker.pair)


# A4: forward secrecy; both sides confirm; the permit is bound into the handshake.


def test_a4_who_seizes_both_devices_later_does_not_get_the_keys_from_what_was_heard() -> None:
    taser, camera, x, y = (PrivateKey.generate() for _ in range(4))
    initiator = rfc9528.Initiator(taser, x, claim_set(taser.public), cbor.encode(0))
    responder = rfc9528.Responder(camera, y, claim_set(camera.public), cbor.encode(1))
    second = responder.message_2(initiator.message_1(), {})
    initiator.read_2(second, camera.public, claim_set(camera.public))
    third = initiator.message_3({}, rfc9528.by_reference(taser.public))
    responder.read_3(third, taser.public.x, rfc9528.by_reference(taser.public), claim_set(taser.public))
    key = initiator.keys.export(labels.BEACON, b"", 16)

    def derived(g_xy: bytes) -> bytes:
        """What the two static keys and the messages give, for a guess at the two ephemeral keys' secret."""
        keys = rfc9528.Schedule(initiator.first, y.public.x, g_xy)
        keys.responder(rfc9528.shared(camera, x.public.x))
        ciphertext = cbor.decode(second)[32:]
        plaintext = bytes(a ^ b for a, b in zip(ciphertext, keys.keystream_2(len(ciphertext)), strict=True))
        keys.second(plaintext, claim_set(camera.public))
        keys.initiator(rfc9528.shared(taser, y.public.x))
        cipher, nonce, associated = keys.cipher_3()
        try:
            keys.third(cipher.decrypt(nonce, cbor.decode(third), associated), claim_set(taser.public))
        except InvalidTag:
            return b""
        return keys.export(labels.BEACON, b"", 16)

    static = (
        rfc9528.shared(camera, x.public.x),
        rfc9528.shared(taser, y.public.x),
        rfc9528.shared(taser, camera.public.x),
    )
    assert derived(rfc9528.shared(x, y.public.x)) == key
    assert [derived(guess) for guess in static] == [b"", b"", b""]


def test_a4_what_a_device_stores_of_the_protocol_holds_no_key_of_a_pair() -> None:
    pair = new_pair()
    pair.station.pair()

    for device in (pair.taser, pair.camera):
        assert not [key for keys in device.keys.values() for key in keys if key in device.stored]


def test_a4_no_key_of_a_pair_is_made_twice() -> None:
    pair = new_pair()
    seen: set[bytes] = set()
    for number in range(1, 6):
        pair.station.pair()
        (keys,) = pair.taser_holds.values()
        seen |= set(keys)
        assert len(seen) == 3 * number
        pair.station.known, pair.station.purpose = frozenset(pair.taser_holds), Purpose.REKEY


def test_a4_a_taser_holds_nothing_before_the_camera_has_confirmed_and_a_camera_agrees_to_nothing_before_the_taser() -> (
    None
):
    pair = new_pair()
    standings: list[tuple[type[object], int, list[str]]] = []

    def look(action: Action) -> Action:
        if isinstance(action, Ask):
            standing = [one.standing.value for one in pair.camera.memory.pairings]
            standings.append((type(action.request), len(pair.taser_holds), standing))
        return action

    pair.station.before = look
    pair.station.pair()

    assert standings[-2:] == [(Relay, 0, ["prepared"]), (Receipt, 1, ["prepared"])]
    assert [one.standing.value for one in pair.camera.memory.pairings] == ["agreed"]


# A5: a device tells its identity to an authenticated station only.


def _secrets_of(device: Owner) -> list[bytes]:
    memory = device.memory
    keys = [key for private in (memory.agreement, memory.signing) for key in (private.public.x, private.public.id)]
    return [memory.serial.encode(), memory.credential, *keys]


def _impostors(pair: Pair) -> dict[str, tuple[bytes, PrivateKey]]:
    force, own = pair.force, PrivateKey.generate()
    made = Memory(Kind.STATION, "ARM-9", own, PrivateKey.generate())
    return {
        "of another force": (Force().commission(made).credential, own),
        "past its end": (force.commission(made, expires_at=NOW).credential, own),
        "a camera's": (force.commission(replace(made, kind=Kind.CAMERA)).credential, own),
        "stolen without its key": (pair.station.credential, own),
        "none": (b"", own),
    }


@pytest.mark.parametrize("which", _impostors(new_pair()))
def test_a5_a_station_that_is_not_authenticated_learns_nothing_of_a_device(which: str) -> None:
    pair = new_pair()
    attacker = Attacker(pair)
    attacker.becomes_a_station(*_impostors(pair)[which])

    for side in Side:
        with pytest.raises((SessionError, Interrupted)):
            pair.station.connect(side)
    said = b"".join(attacker.heard)
    assert not [secret for device in (pair.taser, pair.camera) for secret in _secrets_of(device) if secret in said]


def test_a5_a_revoked_station_learns_nothing_once_a_device_knows() -> None:
    pair = new_pair()
    pair.force.revoke(pair.station.key.public.id)
    attacker = Attacker(pair)
    pair.taser.side = TaserSide(replace(pair.taser.memory, trust=pair.force.trust))

    with pytest.raises(SessionError, match=Refusal.STATION):
        pair.station.connect(Side.TASER)
    assert not [secret for secret in _secrets_of(pair.taser) if secret in b"".join(attacker.heard)]


def test_a5_who_only_listens_learns_no_identity_from_a_whole_pairing() -> None:
    pair = new_pair()
    attacker = Attacker(pair)
    pair.station.pair()
    said = b"".join(attacker.heard)

    assert len(attacker.heard) == 26
    assert not [secret for device in (pair.taser, pair.camera) for secret in _secrets_of(device) if secret in said]
    assert pair.station.credential in said


def test_a5_without_a_clock_a_device_still_knows_a_station_that_is_long_past_its_end() -> None:
    pair = new_pair()
    pair.taser.vitals = replace(pair.taser.vitals, clock=None)
    attacker = Attacker(pair)
    credential, key = _impostors(pair)["past its end"]
    attacker.becomes_a_station(credential, key)

    with pytest.raises(SessionError, match=Refusal.STATION):
        pair.station.connect(Side.TASER)
