"""The Kubernetes engine. So far what is pure of it: manifests, and the judgement of a rollout."""
