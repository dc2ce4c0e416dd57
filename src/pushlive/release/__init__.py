"""An image and its settings made into a release. Pure."""
