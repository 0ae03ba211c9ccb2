package org.pyramiddrop.loader.dataset;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;

/** The folder that a dataset's images must lie in; collects those that don't. */
public final class ImageFolder {
  private final Path folder;
  private final Map<String, Path> images = new HashMap<>();
  private final LinkedHashSet<String> missing = new LinkedHashSet<>();

  /** Refuses what is no folder. */
  public ImageFolder(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new IllegalArgumentException(
          "no folder of images at " + folder + "; name the one that holds the dataset's");
    }
    this.folder = folder;
  }

  /**
   * The file of an image, by its name or by the name and the first ending that exists.
   *
   * @param endings to try, "" for the name as it is
   * @throws IllegalArgumentException if the name leads out of the folder; an image that merely
   *     isn't there is left to {@link #requireAll}
   */
  public Path image(DatasetEntry entry, String field, String... endings) {
    return images.computeIfAbsent(entry.name(field), name -> find(entry, field, name, endings));
  }

  /**
   * The file of an image.
   *
   * @param name out of the entry's field
   * @throws IllegalArgumentException if the name leads out of the folder, or nothing is there
   */
  public Path existing(DatasetEntry entry, String field, String name) {
    Path path = inside(entry, field, name);
    if (!Files.isRegularFile(path)) {
      throw new IllegalArgumentException(
          "%s: no image %s in %s".formatted(entry.where(), name, folder));
    }
    return path;
  }

  private Path find(DatasetEntry entry, String field, String name, String... endings) {
    for (String ending : endings) {
      Path path = inside(entry, field, name + ending);
      if (Files.isRegularFile(path)) {
        return path;
      }
    }
    missing.add(name + endings[0]);
    return folder.resolve(name);
  }

  private Path inside(DatasetEntry entry, String field, String name) {
    try {
      Path path = Path.of(name).normalize();
      if (!path.isAbsolute() && !path.startsWith("..") && !path.toString().isEmpty()) {
        return folder.resolve(path);
      }
    } catch (InvalidPathException e) {
      throw entry.bad(field, "a file's name (" + e.getReason() + ")");
    }
    throw entry.bad(field, "a path inside the images' folder, not \"" + name + "\"");
  }

  /** Refuses a dataset that lacks images, with their count and the first one's name. */
  public void requireAll() {
    if (!missing.isEmpty()) {
      throw new IllegalArgumentException(
          "%d of %d images are not in %s, the first is %s; name the folder that holds them"
              .formatted(missing.size(), images.size(), folder, missing.getFirst()));
    }
  }
}
