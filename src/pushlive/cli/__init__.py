"""One file per noun: parse, call, print."""
