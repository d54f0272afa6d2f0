package example;

import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Prints results: `Consume <group> [job id]`. With a job id it ends with that job's ending. Every group gets all results; the
 * members of one group share them. A result may come twice after a crash.
 */
public final class Consume {
  private static final List<String> TOPICS =
      List.of("email.results.transactional", "email.results.notification", "email.results.marketing");
  private static final Duration POLL = Duration.ofSeconds(1);

  public static void main(String[] given) throws Exception {
    if (given.length < 1) throw new IllegalArgumentException("Consume <group> [job id]");
    String job = given.length > 1 ? given[1] : null;
    var registry = new Registry(Environment.of("SCHEMA_REGISTRY_URL", "http://127.0.0.1:8081"));
    var properties = new Properties();
    properties.put("bootstrap.servers", Environment.of("KAFKA_BROKERS", "127.0.0.1:9092"));
    properties.put("group.id", given[0]);
    properties.put("auto.offset.reset", "earliest");
    // Results are written in transactions: without this, aborted ones would be shown too.
    properties.put("isolation.level", "read_committed");
    properties.put("enable.auto.commit", "false");
    properties.put("key.deserializer", StringDeserializer.class.getName());
    properties.put("value.deserializer", ByteArrayDeserializer.class.getName());
    try (var consumer = new KafkaConsumer<String, byte[]>(properties)) {
      consumer.subscribe(TOPICS);
      boolean ended = false;
      while (!ended) {
        for (ConsumerRecord<String, byte[]> record : consumer.poll(POLL)) {
          if (job != null && !job.equals(record.key())) continue;
          GenericRecord result = registry.decode(record.value());
          System.out.println(result);
          ended |= job != null && "ending".equals(result.get("kind").toString());
        }
        // Only now: what was not printed comes again.
        consumer.commitSync();
      }
    }
  }
}
