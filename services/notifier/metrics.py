"""The notifier's own metrics. Labels never carry personal data.

| metric | meaning |
| --- | --- |
| recourse_deliveries_total{channel,status} | deliveries by what became of them |
| recourse_delivery_attempts_total{channel,outcome} | attempts, by accepted or kind of fault |
"""

from __future__ import annotations

from prometheus_client import Counter

from schemas.vocabulary import DeliveryChannel, DeliveryStatus

DELIVERIES = Counter(
    "recourse_deliveries", "Deliveries by what became of them", ["channel", "status"]
)
ATTEMPTS = Counter("recourse_delivery_attempts", "Attempts to send", ["channel", "outcome"])

# An alert sees a count that grows: the first failure needs a nought before it.
for _channel in DeliveryChannel:
    for _status in DeliveryStatus:
        DELIVERIES.labels(channel=_channel, status=_status)
