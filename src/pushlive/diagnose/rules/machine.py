"""The machine: space, memory, rights, ports."""

from pushlive.diagnose.rule import Exceptional, Printed

RULES = (
    Printed(
        "disk-full",
        r"No space left on device|\bENOSPC\b|database or disk is full|Disk quota exceeded",
        "the disk is full",
        "Free some space (`df -h` shows which disk is full), then deliver again.",
        shown=r"No space left|ENOSPC|disk is full|quota exceeded",
    ),
    Exceptional(
        "memory",
        ("MemoryError",),
        r"",
        "the site ran out of memory",
        'Give it more: [run] resources = {{ memory = "512Mi" }}, or fewer replicas.',
    ),
    Printed(
        "memory",
        r"was sent SIGKILL! Perhaps out of memory\?|Out of memory: Killed process|oom-kill",
        "the system killed the site's process, which it does when memory runs out",
        "See `dmesg | grep -i oom`. Run fewer replicas, or give the machine more memory.",
        shown=r"SIGKILL|Out of memory|oom-kill",
    ),
    Exceptional(
        "read-only",
        ("OSError",),
        r"\[Errno 30\] Read-only file system: '(?P<path>[^']+)'",
        "the site writes to {path}, and its tree is read-only",
        "Name the folder in pushlive.toml, [data] paths = [...]: what stands there is writable and kept.",
    ),
    Exceptional(
        "permission",
        ("PermissionError", "OSError"),
        r"\[Errno 13\] Permission denied: '(?P<path>[^']+)'",
        "the site has no right to {path}: its own tree is read-only to it",
        "Name the folder in pushlive.toml, [data] paths = [...]: what stands there is writable and kept.",
    ),
    Printed(
        "port-taken",
        r"Connection in use: \('(?P<address>[^']+)', (?P<port>\d+)\)",
        "another program already listens on port {port} of {address}",
        "See which one with `ss -ltnp sport = :{port}` and stop it, or choose another: [target.NAME] listen.",
    ),
    Printed(
        "port-taken",
        r"\[Errno 98\]|Address already in use",
        "another program already listens on the address",
        "See which one with `ss -ltnp` and stop it, or choose another: [target.NAME] listen.",
        shown=r"Errno 98|Address already in use",
    ),
    Printed(
        "too-many-files",
        r"\[Errno 24\] Too many open files",
        "the site has too many files open",
        "Raise the limit (`ulimit -n`), or look for files and connections that the site does not close.",
        shown=r"Too many open files",
    ),
)
