package org.pyramiddrop.loader;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What tells a file from the same file later and from another of its name.
 *
 * @param size in bytes
 * @param modified when it was last written to
 * @param key the file system's own name for it; null where it has none
 */
record FileState(long size, FileTime modified, @Nullable Object key) {
  static FileState of(Path file) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
    return new FileState(attributes.size(), attributes.lastModifiedTime(), attributes.fileKey());
  }

  /** What is different now, in words; empty if nothing is. */
  String difference(FileState now) {
    if (!Objects.equals(key, now.key)) {
      return "another file has taken its place";
    }
    if (size != now.size) {
      return "it had " + size + " bytes and has " + now.size;
    }
    return modified.equals(now.modified) ? "" : "it was written to";
  }
}
