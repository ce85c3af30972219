"""What the interop tests share: peers as child processes, a recording relay, raw frames."""
