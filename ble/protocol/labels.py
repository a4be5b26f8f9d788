"""Every number of ours in EDHOC, in one place.

Items of external data use labels for private use (RFC 9528, section 10.5: 32768 and above). Exporter labels for private
use begin at 32768 too (section 10.1), but lakers writes any label from 24 on as one bare byte where the RFC wants CBOR,
and no other implementation would export the same. So labels below 24 are taken that nobody has registered, and every
context begins with this profile's name, so that a later registration cannot meet them.
"""

from typing import Final

# External data: SHA-256 of the greeting, in the session's message 2.
EAD_HELLO: Final = 61_936
# External data of the pair's handshake: SHA-256 of the permit (messages 2 and 3), and in message 3 the Taser's next
# counter with the pairing that it holds with this camera.
EAD_PERMIT: Final = 61_934
EAD_STATE: Final = 61_935

CONTEXT: Final = b"camera-fleet 1"

# Exported from the session between station and device; the context is the profile's name.
KEY_DEVICE: Final = 12
KEY_STATION: Final = 13
NONCE_DEVICE: Final = 14
NONCE_STATION: Final = 15

# Exported from the pair's handshake; the context is the profile's name and the permit's id.
BEACON: Final = 16
IDENTIFIER: Final = 17
CHECK: Final = 18
COMPANION: Final = 19
