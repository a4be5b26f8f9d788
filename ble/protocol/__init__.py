"""The protocol between Taser, camera, station and service, as docs/protocol.md specifies it.

Pure: times come in as arguments, randomness where a test needs it, and nothing here reads, writes or waits.
Times are whole seconds since 1970 UTC unless a name says otherwise.
"""
