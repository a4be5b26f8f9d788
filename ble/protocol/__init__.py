"""The protocol itself, pure: bytes and times come in, bytes and decisions go out."""
