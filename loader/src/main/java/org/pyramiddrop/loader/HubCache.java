package org.pyramiddrop.loader;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The cache of downloaded models that Hugging Face tools keep: {@code models--ORG--NAME} holds one
 * folder a version under {@code snapshots}, and those are the model folders.
 */
public final class HubCache {
  private static final String SNAPSHOTS = "snapshots";
  private static final String CONFIG = "config.json";

  private HubCache() {}

  /**
   * What to say of a folder that has no model itself but the cache's versions of one below it: a
   * sentence part that names the newest of them. Empty for any other folder.
   */
  public static Optional<String> hint(Path folder) {
    if (Files.exists(folder.resolve(CONFIG))) {
      return Optional.empty();
    }
    Path last = folder.getFileName();
    Path snapshots =
        last != null && last.toString().equals(SNAPSHOTS) ? folder : folder.resolve(SNAPSHOTS);
    return newest(snapshots)
        .map(version -> "is a folder of the Hugging Face cache; give " + version);
  }

  private static Optional<Path> newest(Path snapshots) {
    if (!Files.isDirectory(snapshots)) {
      return Optional.empty();
    }
    try (Stream<Path> versions = Files.list(snapshots)) {
      List<Path> models =
          versions.filter(version -> Files.exists(version.resolve(CONFIG))).sorted().toList();
      return models.stream().max(Comparator.comparing(HubCache::changed));
    } catch (IOException e) {
      // Only a hint is lost: what is wrong with the folder is said all the same.
      return Optional.empty();
    }
  }

  private static FileTime changed(Path folder) {
    try {
      return Files.getLastModifiedTime(folder);
    } catch (IOException e) {
      return FileTime.fromMillis(0);
    }
  }
}
