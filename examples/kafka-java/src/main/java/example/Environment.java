package example;

/** Addresses come from the environment: `. examples/environment.sh` puts them there. */
final class Environment {
  private Environment() {}

  static String of(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? otherwise : value;
  }
}
