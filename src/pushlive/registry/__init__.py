"""The OCI distribution client: blobs, manifests, tags and referrers of a registry. The only place that speaks /v2/."""
