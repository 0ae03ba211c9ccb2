package org.pyramiddrop.langchain4j;

import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Locale;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLimits;

/** Reads the images of requests: from base64 data, data: and file: URIs, and the allowed web. */
final class ImageSource {
  private final ImageLimits limits;
  private final WebImages web;

  ImageSource(ImageLimits limits, WebImages web) {
    this.limits = limits;
    this.web = web;
  }

  /**
   * Reads an image.
   *
   * @throws UnsupportedFeatureException if it lies where nothing may be read from
   * @throws InvalidRequestException if it names no image, or the web has none there
   * @throws org.pyramiddrop.loader.ImageException if it is damaged or over a limit
   */
  Image read(ImageContent content) {
    String data = content.image().base64Data();
    if (data != null) {
      return Image.ofDataUri("data:;base64," + data, limits);
    }
    URI url = content.image().url();
    if (url == null) {
      throw new InvalidRequestException("an image has neither base64 data nor a URL");
    }
    String scheme = url.getScheme() == null ? "" : url.getScheme().toLowerCase(Locale.ROOT);
    return switch (scheme) {
      case "data" -> Image.ofDataUri(url.toString(), limits);
      case "file" -> Image.read(file(url), limits);
      case "http", "https" -> Image.read(web.read(url, limits.maxBytes()), url.toString(), limits);
      case "" ->
          throw new InvalidRequestException(
              "the image's URL %s has no scheme: use Path.of(…).toUri() for a file".formatted(url));
      default ->
          throw new UnsupportedFeatureException(
              "image URLs of the scheme %s are not supported; use file:, data: or base64 data"
                  .formatted(scheme));
    };
  }

  private static Path file(URI url) {
    try {
      return Path.of(url);
    } catch (IllegalArgumentException e) {
      throw new InvalidRequestException(
          "the image's URL %s names no file of this machine: use Path.of(…).toUri()".formatted(url),
          e);
    }
  }
}
