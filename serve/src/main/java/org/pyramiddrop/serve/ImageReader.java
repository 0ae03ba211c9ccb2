package org.pyramiddrop.serve;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageException;
import org.pyramiddrop.loader.ImageLimits;

/**
 * Reads the images that requests bring: {@code data:} URIs, and files of one folder where that is
 * allowed. Nothing is fetched from elsewhere.
 */
final class ImageReader {
  private final ImageLimits limits;
  private final @Nullable Path folder;

  /** Decoding takes three times what is kept, so one image is decoded at a time. */
  private final ReentrantLock decoding = new ReentrantLock();

  /**
   * Makes a reader.
   *
   * @param folder whose files may be named; null for none
   * @throws IOException if there is no such folder
   */
  ImageReader(ImageLimits limits, @Nullable Path folder) throws IOException {
    this.limits = limits;
    this.folder = folder == null ? null : folder.toRealPath();
  }

  /**
   * Reads an image.
   *
   * @param param where its URL stands in the request
   * @throws ApiException if it can't be had, saying why
   */
  Image read(String url, String param) {
    String scheme = url.substring(0, Math.max(0, url.indexOf(':'))).toLowerCase(Locale.ROOT);
    decoding.lock();
    try {
      return switch (scheme) {
        case "data" -> Image.ofDataUri(url, limits);
        case "file" -> ofFile(url, param);
        case "http", "https" ->
            throw ApiException.badImage(
                param, "this server fetches nothing from the web; send the image as a data: URI");
        default ->
            throw ApiException.badImage(
                param, "an image is a data: URI, such as data:image/png;base64,…");
      };
    } catch (ImageException e) {
      throw ApiException.badImage(param, ApiException.words(e));
    } finally {
      decoding.unlock();
    }
  }

  private Image ofFile(String url, String param) {
    if (folder == null) {
      throw ApiException.badImage(
          param, "this server reads no files; send the image as a data: URI");
    }
    Path file;
    try {
      // Behind all links, so that none leads out of the folder.
      file = Path.of(URI.create(url)).toRealPath();
    } catch (IOException | IllegalArgumentException | SecurityException e) {
      throw noSuchFile(param);
    }
    if (!file.startsWith(folder) || !Files.isRegularFile(file)) {
      throw noSuchFile(param);
    }
    return Image.read(file, limits);
  }

  /** One answer for what isn't there and what may not be read, so that nobody learns which. */
  private static ApiException noSuchFile(String param) {
    return ApiException.badImage(param, "there is no such image in the folder that may be read");
  }
}
