"""The command line `recourse`. Each command imports what it needs when it runs."""
