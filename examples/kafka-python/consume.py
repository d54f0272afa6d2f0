"""Prints delivery results as JSON lines, with Confluent's stock Avro deserialiser.

    python consume.py --group my-application

Every group gets all results; the members of one group share them. A result may come twice after a crash.
"""

import argparse
import json
import os
import sys
import time
from datetime import datetime

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

TOPICS = [f"email.results.{kind}" for kind in ("transactional", "notification", "marketing")]
POLL_SECONDS = 1.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brokers", default=os.environ.get("KAFKA_BROKERS", "127.0.0.1:9092"))
    parser.add_argument("--registry", default=os.environ.get("SCHEMA_REGISTRY_URL", "http://127.0.0.1:8081"))
    parser.add_argument("--group", required=True)
    parser.add_argument("--job", help="only results of this job")
    parser.add_argument("--until", type=int, default=0, metavar="N", help="end after so many results (default: never)")
    parser.add_argument("--within", type=float, default=60.0, metavar="SECONDS", help="with --until: give up after so long")
    return parser.parse_args()


def as_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is nothing that a result holds")


def main() -> None:
    given = arguments()
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": given.registry}))
    consumer = Consumer(
        {
            "bootstrap.servers": given.brokers,
            "group.id": given.group,
            "auto.offset.reset": "earliest",
            # Results are written in transactions: without this, aborted ones would be shown too.
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(TOPICS)
    shown = 0
    give_up_at = time.monotonic() + given.within
    try:
        while given.until == 0 or shown < given.until:
            if given.until and time.monotonic() > give_up_at:
                raise SystemExit(f"{shown} of {given.until} results came in time")
            message = consumer.poll(POLL_SECONDS)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            try:
                result = deserialize(message.value(), SerializationContext(message.topic(), MessageField.VALUE))
            except SerializationError as error:
                # By somebody who should not write here. To stop at it would be to stop for ever.
                place = f"{message.topic()}/{message.partition()}@{message.offset()}"
                print(f"{place} is no result: {error}", file=sys.stderr)
                result = None
            if result and given.job in (None, result["jobId"]):
                print(json.dumps(result, default=as_json), flush=True)
                shown += 1
            # Only now: what was not printed comes again.
            consumer.commit(message, asynchronous=False)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
