package example;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/** Avro in the Confluent wire format: a zero, the schema's id in four bytes, and the record. */
final class Registry {
  /** A schema and its id. */
  record Registered(int id, Schema schema) {}

  private static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final int HEADER_BYTES = 5;
  private final HttpClient http = HttpClient.newBuilder().connectTimeout(TIMEOUT).build();
  private final ObjectMapper json = new ObjectMapper();
  private final Map<Integer, Schema> schemas = new ConcurrentHashMap<>();
  private final String url;

  Registry(String url) {
    this.url = url;
  }

  /** The newest schema of a topic's values. Schemas are registered by `postlane schemas apply`, never from here. */
  Registered latest(String topic) throws IOException, InterruptedException {
    JsonNode found = get("/subjects/" + topic + "-value/versions/latest");
    return new Registered(found.get("id").asInt(), parsed(found));
  }

  byte[] encode(Registered registered, GenericRecord record) throws IOException {
    var out = new ByteArrayOutputStream();
    out.write(ByteBuffer.allocate(HEADER_BYTES).put((byte) 0).putInt(registered.id()).array());
    var encoder = EncoderFactory.get().binaryEncoder(out, null);
    new GenericDatumWriter<GenericRecord>(registered.schema()).write(record, encoder);
    encoder.flush();
    return out.toByteArray();
  }

  GenericRecord decode(byte[] value) throws IOException, InterruptedException {
    var bytes = ByteBuffer.wrap(value);
    if (value.length < HEADER_BYTES || bytes.get() != 0) throw new IOException("not in the Confluent wire format");
    int id = bytes.getInt();
    Schema schema = schemas.get(id);
    if (schema == null) {
      schema = parsed(get("/schemas/ids/" + id));
      schemas.put(id, schema);
    }
    var decoder = DecoderFactory.get().binaryDecoder(value, HEADER_BYTES, value.length - HEADER_BYTES, null);
    return new GenericDatumReader<GenericRecord>(schema).read(null, decoder);
  }

  private static Schema parsed(JsonNode found) {
    return new Schema.Parser().parse(found.get("schema").asText());
  }

  private JsonNode get(String path) throws IOException, InterruptedException {
    var request = HttpRequest.newBuilder(URI.create(url + path)).timeout(TIMEOUT).build();
    var response = http.send(request, BodyHandlers.ofString());
    if (response.statusCode() != 200) throw new IOException(path + ": " + response.statusCode() + " " + response.body());
    return json.readTree(response.body());
  }
}
