package org.pyramiddrop.spark;

import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import org.apache.hadoop.fs.Path;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.util.SerializableConfiguration;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageException;
import org.pyramiddrop.loader.ImageLimits;

/**
 * Where a row's picture is: in a binary column, or in a file that a text column names and that
 * Hadoop's file systems read.
 *
 * @param index the column's place
 * @param name its name
 * @param hadoop the settings of Hadoop's file systems, as the driver has them; null for a binary
 *     column
 */
record PictureColumn(int index, String name, @Nullable Broadcast<SerializableConfiguration> hadoop)
    implements Serializable {

  /**
   * Reads a row's picture.
   *
   * @throws ImageException if there is none, or it can't be read
   */
  Image read(Row row, ImageLimits limits) {
    if (row.isNullAt(index)) {
      throw new ImageException(name, "is null", null);
    }
    return hadoop == null
        ? Image.read(row.<byte[]>getAs(index), name, limits)
        : read(row.getString(index), hadoop.value(), limits);
  }

  private static Image read(String file, SerializableConfiguration settings, ImageLimits limits) {
    try {
      Path path = new Path(file);
      try (InputStream stream = path.getFileSystem(settings.value()).open(path)) {
        return Image.read(stream, file, limits);
      }
    } catch (IllegalArgumentException e) {
      throw new ImageException(file, "can't name a file: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new ImageException(file, "can't be read: " + e.getMessage(), e);
    }
  }
}
