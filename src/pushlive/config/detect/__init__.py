"""What a tree says without any of its code being run, one file per concern."""
