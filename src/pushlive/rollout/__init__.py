"""The engine protocol, and the engines."""
