# Sourced by ./demo, ./test and tools/cluster: brings what they need and says what it does.
# After it, `python` is the project's own environment (.venv) and $uv the uv that made it.
# Environment: PUSHLIVE_GROUPS, further arguments for `uv sync`.

uv_wanted="uv>=0.9,<1"
here=$(cd "$(dirname "$0")" && pwd)
[ -e "$here/pyproject.toml" ] || here=$(dirname "$here")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pushlive-checkout

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 4; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo -n "$@"
  else return 1
  fi
}

# install PACKAGE... by the system's package manager; fails where that may not be done, and says why it could not
system_install() {
  if command -v apt-get >/dev/null 2>&1; then
    say "installing $* (apt-get)"
    set -- "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $*"
  elif command -v dnf >/dev/null 2>&1; then
    say "installing $* (dnf)"
    set -- "dnf install -y -q $*"
  else
    return 1
  fi
  said=$(as_root sh -c "$1" 2>&1) || { say "$said"; return 1; }
}

# need COMMAND PACKAGE: the command, or the package that brings it
need() {
  PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null 2>&1 && return 0
  system_install "$2" || die "$1 is needed. Install it first: sudo apt-get install $2"
}

# a python3 that can make virtual environments, by its own path
find_python() {
  for candidate in /usr/bin/python3 /usr/local/bin/python3 "$(command -v python3 || true)"; do
    [ -x "$candidate" ] || continue
    "$candidate" -I -c 'import ensurepip, venv' 2>/dev/null && { printf '%s' "$candidate"; return 0; }
  done
  return 1
}

find_uv() {
  uv=$cache/bootstrap/bin/uv
  [ -x "$uv" ] && return 0
  base=$(find_python) || { system_install python3-venv; base=$(find_python); } \
    || die "python3 with venv is needed. Install it first: sudo apt-get install python3 python3-venv"
  say "installing uv"
  "$base" -m venv "$cache/bootstrap" && "$cache/bootstrap/bin/pip" install -q --disable-pip-version-check "$uv_wanted" \
    || die "uv could not be installed from PyPI; see the message above"
}

sync() {
  # Bytecode now: with PYTHONDONTWRITEBYTECODE set, as container images do, every start would compile it again.
  # shellcheck disable=SC2086  # the groups are words
  "$uv" sync -q --frozen --inexact --compile-bytecode ${PUSHLIVE_GROUPS:-} "$@" \
    && .venv/bin/python -m compileall -q src
}

need git git
need memcached memcached
find_uv
cd "$here"
python=$(find_python || true)
if [ -n "$python" ] && "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  sync --python "$python" || die "the environment could not be made; see the message above"
else
  sync || die "Python 3.11 or newer is needed; see the message above"
fi
PATH=$here/.venv/bin:$PATH
export PATH
