"""Reports to measure with: each of another customer, matter and call. Pure."""

from __future__ import annotations

import json


def report(run: str, number: int) -> bytes:
    """The body of one report, as a channel sends it; `run` keeps repetitions apart."""
    name = f"{run}-{number}"
    document = {
        "source": "call-centre",
        "external_id": f"call-{name}",
        "category": "funds_not_received",
        "description": "转账显示成功,对方没有收到。The transfer is shown as done, nothing came.",
        "occurred_at": "2026-11-20T09:58:00+08:00",
        "customer": {
            "id": f"cust-{name}",
            "name": "张三",
            "locale": "zh-CN",
            "time_zone": "Asia/Shanghai",
            "email": f"c{name}@example.com",
            "phone": "+8613800000000",
            "identity_verified": True,
        },
        "contact": {
            "channel": "phone",
            "external_id": f"call-{name}",
            "agent": {"name": "李四", "staff_number": "A1024"},
            "summary": "来电中断",
        },
        "transaction": {
            "id": f"tx-{name}",
            "amount": "1280.00",
            "currency": "CNY",
            "counterparty": "merchant-88",
        },
    }
    return json.dumps(document, ensure_ascii=False).encode()
