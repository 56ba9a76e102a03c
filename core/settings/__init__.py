"""The typed settings of a scenario, section by section; `core.config` reads and writes the files."""
