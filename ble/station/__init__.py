"""The station: beside the armourer's Bluetooth adapter it finds devices, relays their pairing and reads their logs.

It asks the service for work and is never asked; what it has to say is on disk before it is sent. It relays the pair's
handshake and cannot read it.
"""
