"""What must be there before a service starts: roles and schemas in PostgreSQL, topics in Kafka."""
