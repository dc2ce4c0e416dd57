"""Probes made into a verification."""
