"""YAML to `proxy.snapshot.Snapshot`, with every error at once.

Stages, each a module, each pure but for reading the file and importing protocols: `source` (YAML nodes to data, with the
place of every value), `substitute` (``${VAR}``), `schema` and a module for each section (the frozen models; `values`
reads durations, sizes and addresses), `references` (what one part says of another), `protocols` (what can be spoken),
`build` (the snapshot); `references_tls` and `build_tls` do the same of TLS, and `references_retries` asks the protocols for
statuses. `loader` runs them all and
sorts what they found. Only control's side imports this package: pydantic and PyYAML cost more memory than a worker has.
"""
