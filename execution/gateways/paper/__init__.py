"""Gateway to the simulated venue, within the process or over its socket."""
