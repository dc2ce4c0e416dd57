# Sourced by ./test and tools/cluster, after bootstrap.sh: what the tests' own Kubernetes node is made of.
# cluster_begin does all that tests need: cluster_packages installs what Debian has of it, cluster_build builds the rest in
# the background, at low priority. cluster_wait waits for that. Tests find what is built, and wait for who holds the lock.

cluster_sources=$here/tests/servers/cluster/binaries
cluster_key=$(cd "$cluster_sources" && find . -type f | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-16)
cluster_made=$cache/cluster/$cluster_key

cluster_packages() {
  PATH=$PATH:/usr/sbin
  for wanted in containerd:containerd runc:runc iptables:iptables ip:iproute2 openssl:openssl \
    docker-registry:docker-registry skopeo:skopeo mmdebstrap:mmdebstrap nsenter:util-linux flock:util-linux; do
    command -v "${wanted%:*}" >/dev/null 2>&1 || system_install "${wanted#*:}" \
      || say "${wanted%:*} is not there: no Kubernetes node can be made"
  done
  [ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] || system_install containernetworking-plugins \
    || say "CNI plugins are not there: no Kubernetes node can be made"
}

cluster_build() {
  [ -d "$cluster_made" ] && return 0
  mkdir -p "$cache/cluster"
  say "building a Kubernetes node's programs in the background ($cache/cluster/$cluster_key.log)"
  # Whoever comes second finds all of it made.
  # shellcheck disable=SC2016  # expanded by the inner shell
  nice -n 15 flock "$cluster_made.lock" sh -c '[ -d "$2" ] || exec "$1/build.sh" "$2" "$3"' \
    sh "$cluster_sources" "$cluster_made" "$uv" >"$cluster_made.log" 2>&1 &
  cluster_builder=$!
}

cluster_wait() {
  [ -z "${cluster_builder:-}" ] || wait "$cluster_builder" || true
  [ -d "$cluster_made" ] || { tail -20 "$cluster_made.log" >&2; die "a Kubernetes node's programs were not built; see above"; }
}

# What tests are told by PUSHLIVE_TEST_CLUSTER: a build goes on, wait for it.
cluster_begin() {
  if [ "$(id -u)" != 0 ] || [ -n "${PUSHLIVE_TEST_KUBECONFIG:-}" ]; then return 0; fi
  cluster_packages
  cluster_build
  PUSHLIVE_TEST_CLUSTER=wait
  export PUSHLIVE_TEST_CLUSTER
}
