"""How long clients and a stop may take, whatever the interface."""

HEAD_TIMEOUT = 20.0
"""Seconds a client has to send a whole request head."""
LINGER_TIMEOUT = 2.0
"""Seconds a closed connection swallows what the client still sends, so that it reads the response (RFC 9112 9.6)."""
DRAIN_MARGIN = 0.5
"""Seconds a draining worker ends before the arbiter would kill it."""
