"""The world: processes, files, locks, HTTP, users, time. Effects live here and in what calls it."""
