"""TLS and SASL of the connection to Kafka, from the settings.

Owns the translation into FastStream's words; the outlet speaks aiokafka's own.
"""

from __future__ import annotations

import ssl

from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from services.kit.settings import Settings


def security(settings: Settings) -> BaseSecurity | None:
    """TLS and SASL as the settings say."""
    protocol = settings.kafka_security_protocol
    if protocol == "PLAINTEXT":
        return None
    context = None
    if protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=settings.kafka_ca_file)
    if not protocol.startswith("SASL"):
        return BaseSecurity(ssl_context=context, use_ssl=True)
    mechanisms = {
        "PLAIN": SASLPlaintext,
        "SCRAM-SHA-256": SASLScram256,
        "SCRAM-SHA-512": SASLScram512,
    }
    secret = settings.kafka_sasl_password
    return mechanisms[settings.kafka_sasl_mechanism](
        username=settings.kafka_sasl_username or "",
        password=secret.get_secret_value() if secret else "",
        ssl_context=context,
        use_ssl=context is not None,
    )
