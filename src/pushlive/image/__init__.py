"""A tree made into layers, configuration, manifest and digest."""
