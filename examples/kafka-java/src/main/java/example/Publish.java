package example;

import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Publishes one job: `Publish <id> <recipient>`. */
public final class Publish {
  private static final String TOPIC = "email.ingest.transactional";
  private static final long ACKNOWLEDGED_SECONDS_MAX = 30;

  public static void main(String[] given) throws Exception {
    if (given.length != 2) throw new IllegalArgumentException("Publish <id> <recipient>");
    var registry = new Registry(Environment.of("SCHEMA_REGISTRY_URL", "http://127.0.0.1:8081"));
    var registered = registry.latest(TOPIC);
    var properties = new Properties();
    properties.put("bootstrap.servers", Environment.of("KAFKA_BROKERS", "127.0.0.1:9092"));
    properties.put("acks", "all");
    properties.put("enable.idempotence", "true");
    properties.put("key.serializer", StringSerializer.class.getName());
    properties.put("value.serializer", ByteArraySerializer.class.getName());
    try (var producer = new KafkaProducer<String, byte[]>(properties)) {
      var value = registry.encode(registered, job(registered.schema(), given[0], given[1]));
      // The id is the key: published again, the job is sent once.
      var landed = producer.send(new ProducerRecord<>(TOPIC, given[0], value));
      System.out.println("published " + given[0] + " to " + landed.get(ACKNOWLEDGED_SECONDS_MAX, TimeUnit.SECONDS));
    }
  }

  /** Fields that are left out get their defaults. */
  private static GenericRecord job(Schema schema, String id, String recipient) {
    Schema payload = schema.getField("payload").schema().getTypes().stream()
        .filter(type -> type.getType() == Schema.Type.RECORD)
        .findFirst()
        .orElseThrow();
    return new GenericRecordBuilder(schema)
        .set("id", id)
        .set("type", new GenericData.EnumSymbol(schema.getField("type").schema(), "transactional"))
        .set("recipient", recipient)
        .set("payload", new GenericRecordBuilder(payload)
            .set("from", "The Shop <orders@shop.example>")
            .set("subject", "Your order 4711")
            .set("text", "Thank you.")
            .build())
        .build();
  }
}
