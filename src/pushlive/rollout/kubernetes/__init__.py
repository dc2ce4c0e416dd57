"""The Kubernetes engine. So far its manifests: what runs on a cluster, as plain objects."""
