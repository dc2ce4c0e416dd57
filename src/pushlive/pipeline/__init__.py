"""The list of stages, the lock of a site, the event stream."""
