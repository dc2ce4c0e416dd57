"""pushlive.toml and what is detected in a tree, made into one settings section per stage."""
