"""Where a simulated service keeps its rows: in memory, or in PostgreSQL under the same contract."""
