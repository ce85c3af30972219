"""Independent judges of a frame: construct as the oracle, a second interpreter of Plans, what a frame means."""
