package org.pyramiddrop.loader;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.pyramiddrop.loader.json.JsonValue;

/**
 * Which shard holds which tensor, as {@code model.safetensors.index.json} says.
 *
 * @param file the index itself
 * @param shards file names in its folder, by tensor name
 */
record ShardIndex(Path file, Map<String, String> shards) {
  static ShardIndex read(Path file) {
    if (!(Json.readObject(file).get("weight_map") instanceof JsonValue.Obj weights)
        || weights.properties().isEmpty()) {
      throw new CheckpointException(
          file, "weight_map must be an object that names a file for each tensor");
    }
    Map<String, String> shards = new LinkedHashMap<>();
    for (Map.Entry<String, JsonValue> property : weights.properties().entrySet()) {
      String name = property.getKey();
      if (!(property.getValue() instanceof JsonValue.Str(String shard))) {
        throw new CheckpointException(file, name, "weight_map must name a file");
      }
      if (!isPlainFileName(shard)) {
        throw new CheckpointException(
            file,
            name,
            "the index may name files of its own folder only, not '"
                + OneLine.shorten(shard)
                + "'");
      }
      if (!canBeAFile(file, shard)) {
        throw new CheckpointException(
            file, name, "'" + OneLine.shorten(shard) + "' can't be the name of a file here");
      }
      shards.put(name, shard);
    }
    return new ShardIndex(file, shards);
  }

  Set<String> files() {
    return new LinkedHashSet<>(shards.values());
  }

  // A name without separators can't leave the folder. Where the file it names is a link is not our
  // business: caches
  // of downloaded checkpoints are folders of links.
  private static boolean isPlainFileName(String name) {
    return !name.isBlank()
        && !name.equals(".")
        && !name.equals("..")
        && name.chars()
            .noneMatch(c -> c == '/' || c == '\\' || c == ':' || Character.isISOControl(c));
  }

  // Half a character, or one that this machine's file names don't have.
  private static boolean canBeAFile(Path index, String name) {
    try {
      return !index.resolveSibling(name).toString().isEmpty();
    } catch (InvalidPathException e) {
      return false;
    }
  }
}
