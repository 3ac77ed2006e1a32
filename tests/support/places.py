"""Where something of a person could lie in a running stack: topics, tables, files."""

from __future__ import annotations

from tests.support.leaks import in_files, in_tables, on_topics
from tests.support.stack import RunningStack
from tests.support.topics import everything_on_topics

Places = dict[str, list[tuple[str, bytes]]]


async def everywhere(stack: RunningStack) -> Places:
    """Everything that lies there now but topic `reports`, which is in clear by its nature."""
    records = await everything_on_topics(stack)
    # What people were sent is theirs; Apache Kafka keeps the clear topic `reports` on disk.
    outside = [stack.state / "mail.jsonl", stack.state / "kafka-apache"]
    return {
        "topics": list(on_topics(records, without=f"{stack.prefix}reports")),
        "tables": await in_tables(stack.postgres),
        "files": list(in_files(stack.state, outside)),
    }
