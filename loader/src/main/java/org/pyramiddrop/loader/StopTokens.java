package org.pyramiddrop.loader;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The tokens at which generation stops. */
public final class StopTokens {
  private static final String FILE = "generation_config.json";
  private static final String KEY = "eos_token_id";

  private StopTokens() {}

  /**
   * The end tokens that a model folder asks for: those of {@code generation_config.json} if it
   * names any, else those of {@code config.json}; in the file's order, the first being the one that
   * training writes.
   *
   * @throws CheckpointException if {@code generation_config.json} is broken
   */
  public static Set<Integer> read(Path folder, LlavaConfig config) {
    Path file = folder.resolve(FILE);
    if (Files.exists(file)) {
      ConfigFields fields = ConfigFields.read(file);
      if (fields.has(KEY)) {
        return ids(fields);
      }
    }
    return config.text().endTokenIds();
  }

  /** Token ids in the file's order. */
  static Set<Integer> ids(ConfigFields fields) {
    List<Integer> ids = fields.integers(KEY);
    if (ids.isEmpty() || ids.stream().anyMatch(id -> id < 0)) {
      throw fields.wrong(KEY, "must be a token id or a list of them");
    }
    return Collections.unmodifiableSet(new LinkedHashSet<>(ids));
  }
}
