"""Which push starts a delivery. Pure."""
