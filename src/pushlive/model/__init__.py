"""The values that flow from stage to stage, and the errors. Standard library only."""
