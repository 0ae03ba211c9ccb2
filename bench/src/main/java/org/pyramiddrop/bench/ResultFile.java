package org.pyramiddrop.bench;

import java.util.List;
import java.util.function.Consumer;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Results as JSON, with the machine they were measured on. */
public final class ResultFile {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private ResultFile() {}

  public static void write(String name, Consumer<ObjectNode> content) {
    Machine machine = Machine.here();
    ObjectNode file = MAPPER.createObjectNode();
    file.putObject("machine")
        .put("processor", machine.processor())
        .put("device", machine.device())
        .put("java", machine.java())
        .put("commit", machine.commit());
    content.accept(file);
    String json = MAPPER.writeValueAsString(file);
    OutputFile.write(BenchFolder.root().resolve(name), List.of(json));
  }

  public static void spread(ObjectNode to, Spread spread) {
    to.put("median", spread.median())
        .put("low", spread.low())
        .put("high", spread.high())
        .put("count", spread.count());
  }
}
