"""Training of the embedded checkpoints on the drawn world. See ../../README.md for the commands."""
