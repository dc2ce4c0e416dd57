# Sourced by ./test, after bootstrap.sh: programs that the tests start and that are built from Go modules, each once.
# What is slow to build is built beside the other tests, while those that need it wait (tests/servers/registry.py).

go_programs=$cache/go

# go_program NAME PACKAGE VERSION: into the cache, whole or not at all; nothing to do where that version is there
go_program() {
  [ -e "$go_programs/bin/.$1-$3" ] && return 0
  go_scratch=$(mktemp -d "$go_programs/XXXXXX") || return 1
  # shellcheck disable=SC2086  # the command and its arguments are words
  if (cd "$go_scratch" && export GOFLAGS=-mod=mod && go mod init tests && go get "$2@$3" \
    && ${go_gently:-} go build -o "$1" "$2") >"$go_programs/$1.log" 2>&1 && mv "$go_scratch/$1" "$go_programs/bin/$1"
  then touch "$go_programs/bin/.$1-$3"
  else say "$1 could not be built ($go_programs/$1.log): some tests are skipped"
  fi
  rm -rf "$go_scratch"
}

go_programs_beside() {
  go_gently="nice -n 15"
  go_program cosign github.com/sigstore/cosign/v3/cmd/cosign v3.1.3
  go_program fulcio github.com/sigstore/fulcio v1.8.8
  [ "$(id -u)" = 0 ] || return 0
  go_program buildctl github.com/moby/buildkit/cmd/buildctl v0.34.2
  go_program buildkitd github.com/moby/buildkit/cmd/buildkitd v0.34.2
}

if command -v go >/dev/null 2>&1; then
  mkdir -p "$go_programs/bin"
  say "programs from Go modules"
  go_program crane github.com/google/go-containerregistry/cmd/crane v0.22.1
  # Held by whoever builds, for as long as that takes; pytest must not have it.
  exec 9>"$go_programs/building.lock"
  if [ "${go_beside:-}" ] && flock -n 9; then go_programs_beside & fi
  exec 9>&-
else
  say "go is not there: crane, cosign, fulcio and buildkit are not built, and some tests are skipped"
fi
