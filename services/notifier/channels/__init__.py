"""How a frozen message leaves: one module per channel, each answering accepted or a fault."""
