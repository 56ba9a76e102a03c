"""One file a command or two; heavy imports stay inside the functions, so that `--help` is quick."""
