package org.pyramiddrop.loader;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Objects;

/** Files that the scripts in src/test/python made. */
final class Fixtures {
  private Fixtures() {}

  static Path image(String name) {
    return resource("/pictures/" + name);
  }

  static Path resource(String name) {
    try {
      return Path.of(Objects.requireNonNull(Fixtures.class.getResource(name), name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
