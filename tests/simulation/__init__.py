"""The simulation: three services, log, relay and consumers in one process, from one seed."""
