"""What must hold of every codec, one file a check."""
