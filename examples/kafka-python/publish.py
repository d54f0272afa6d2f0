"""Publishes one job with Confluent's stock Avro serialiser.

    python publish.py --recipient ada@inbox.example --id order-7

Nothing of Postlane is needed here: the schema comes from the registry, and fields that are left out get its defaults.
"""

import argparse
import json
import os
from datetime import datetime

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

FLUSH_SECONDS_MAX = 30


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brokers", default=os.environ.get("KAFKA_BROKERS", "127.0.0.1:9092"))
    parser.add_argument("--registry", default=os.environ.get("SCHEMA_REGISTRY_URL", "http://127.0.0.1:8081"))
    parser.add_argument("--id", required=True, help="idempotency key: the same job published again is sent once")
    parser.add_argument("--type", default="transactional", choices=["transactional", "notification", "marketing"])
    parser.add_argument("--recipient", required=True)
    parser.add_argument("--sender", default="Shop <news@shop.example>")
    parser.add_argument("--subject", default="Your order")
    parser.add_argument("--html", default="<p>Thank you.</p>")
    parser.add_argument("--send-at", type=datetime.fromisoformat, help="ISO 8601, with its time zone")
    parser.add_argument("--metadata", type=json.loads, default={}, help="a JSON object of texts")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    topic = f"email.ingest.{given.type}"
    registry = SchemaRegistryClient({"url": given.registry})
    # Schemas are registered by `postlane schemas apply`, never by whoever happens to publish first.
    serialize = AvroSerializer(registry, conf={"auto.register.schemas": False, "use.latest.version": True})
    producer = Producer(
        {
            "bootstrap.servers": given.brokers,
            "acks": "all",
            "enable.idempotence": True,
            # Java's way to choose a partition. Any other works too: the router then moves the job once.
            "partitioner": "murmur2_random",
        }
    )
    job = {
        "id": given.id,
        "type": given.type,
        "recipient": given.recipient,
        "payload": {"from": given.sender, "subject": given.subject, "html": given.html},
        "metadata": [{"name": name, "value": value} for name, value in given.metadata.items()],
        "sendAt": given.send_at,
    }
    failures = []
    producer.produce(
        topic,
        key=given.id,
        value=serialize(job, SerializationContext(topic, MessageField.VALUE)),
        on_delivery=lambda error, _message: failures.append(error) if error else None,
    )
    if producer.flush(FLUSH_SECONDS_MAX) > 0 or failures:
        raise SystemExit(f"not published: {failures or 'no broker took it in time'}")
    print(json.dumps({"published": given.id, "topic": topic}))


if __name__ == "__main__":
    main()
