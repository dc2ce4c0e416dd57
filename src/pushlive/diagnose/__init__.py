"""Evidence made into one cause and its remedy. Pure."""
