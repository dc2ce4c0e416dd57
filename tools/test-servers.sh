# Sourced by ./test, after bootstrap.sh: brings what the tests start for real, where that may be done.
# What is not there afterwards skips its tests, and pytest prints why.

# wish COMMAND PACKAGE: as need, but it can be done without
wish() {
  command -v "$1" >/dev/null 2>&1 || system_install "$2" || say "$1 is not there: some tests are skipped"
}

wish openssl openssl
wish docker-registry docker-registry
wish skopeo skopeo
wish sshd openssh-server
# Containers are run by root alone; nobody's own Docker is put there by `sudo` without being asked.
if [ "$(id -u)" = 0 ]; then
  wish mmdebstrap mmdebstrap
  wish dockerd docker.io
  wish ctr containerd
  wish podman podman
  wish buildah buildah
fi
