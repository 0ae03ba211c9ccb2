package org.pyramiddrop.training.files;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/** The type that a {@code config.json} says its model's weights are of. */
final class ConfigDtype {
  private static final JsonFactory JSON = new JsonFactory();

  private ConfigDtype() {}

  /**
   * A configuration that says another type; all else stays as it is, byte for byte.
   *
   * @param config a JSON object, UTF-8
   * @param dtype as PyTorch names it, such as {@code bfloat16}
   * @return with this type in {@code dtype} and {@code torch_dtype}, those of nested objects
   *     included; if the outermost object has neither, with a {@code torch_dtype}
   */
  static byte[] set(byte[] config, String dtype) {
    byte[] value = ("\"" + dtype + "\"").getBytes(StandardCharsets.UTF_8);
    ByteArrayOutputStream changed = new ByteArrayOutputStream();
    int copied = 0;
    int depth = 0;
    int begin = -1;
    boolean outermost = false;
    try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), config)) {
      for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
        depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
        if (begin < 0) {
          begin = (int) parser.currentLocation().getByteOffset();
        }
        if (token.isScalarValue() && isDtype(parser.currentName())) {
          int start = (int) parser.currentTokenLocation().getByteOffset();
          parser.finishToken();
          changed.write(config, copied, start - copied);
          changed.writeBytes(value);
          copied = (int) parser.currentLocation().getByteOffset();
          outermost |= depth == 1;
        }
      }
    }
    changed.write(config, copied, config.length - copied);
    byte[] all = changed.toByteArray();
    if (outermost) {
      return all;
    }
    byte[] field = ("\n  \"torch_dtype\": \"" + dtype + "\",").getBytes(StandardCharsets.UTF_8);
    ByteArrayOutputStream added = new ByteArrayOutputStream();
    added.write(all, 0, begin);
    added.writeBytes(field);
    added.write(all, begin, all.length - begin);
    return added.toByteArray();
  }

  private static boolean isDtype(String name) {
    return "dtype".equals(name) || "torch_dtype".equals(name);
  }
}
