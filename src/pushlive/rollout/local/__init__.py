"""The engine for one machine: a supervisor, replicas, memcached."""
