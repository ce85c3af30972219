"""Coverage-guided fuzzing of the compiled kernel: libFuzzer, in a Python process, with a target for each protocol.

- build.sh: the kernel with coverage and the address sanitizer, libFuzzer as a library, the driver (build/fuzz).
- driver.c, engine: libFuzzer in this process, its tests and some of its mutations in Python.
- protocol, http1, detection: what is asked of every input.
- seeds, mutator: what it begins with, and how inputs are changed with knowledge of the Plan.
- child: one run, inside a process that has the sanitizer; launch: builds, starts it, tells what came of it.

An input is bytes from a connection and nothing else: which way they go is tried both ways, where they are cut follows from
a checksum of them. So what is found can be read, kept and replayed as it is, and vectors are inputs as they are.
"""
