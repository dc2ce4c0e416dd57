"""git: a push made into a revision, changed paths and a clean tree. The only place that speaks git."""
