"""The values that flow from stage to stage, and the errors. msgspec and the standard library only."""
