"""Every number of ours in EDHOC, in one place.

Items of external data use labels for private use (RFC 9528, section 10.5: 32768 and above). Exporter labels for private
use begin at 32768 too (section 10.1), but lakers takes labels below 256, so these are the profile's own and free of the
registered ones (0 and 1, for OSCORE).
"""

from typing import Final

# External data: SHA-256 of the greeting, in the session's message 2.
EAD_HELLO: Final = 61_936
# External data of the pair's handshake: SHA-256 of the permit (messages 2 and 3), and in message 3 the Taser's next
# counter with the pairing that it holds with this camera.
EAD_PERMIT: Final = 61_934
EAD_STATE: Final = 61_935

# Exported from the session between station and device; empty context.
KEY_DEVICE: Final = 224
KEY_STATION: Final = 225
NONCE_DEVICE: Final = 226
NONCE_STATION: Final = 227

# Exported from the pair's handshake; the context is the permit's id.
BEACON: Final = 232
IDENTIFIER: Final = 233
CHECK: Final = 234
COMPANION: Final = 235
