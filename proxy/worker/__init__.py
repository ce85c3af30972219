"""A worker process: what control sends becomes an engine, which then runs until control says otherwise.

Small in memory by what it does not import: no pydantic, YAML, click, aiohttp or rich (a test looks). Modules:
`assemble` (snapshot to engine), `change` (the next snapshot), `run` (the loop, and control's messages).
"""
