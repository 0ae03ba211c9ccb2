package org.pyramiddrop.serve;

import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.ImageLimits;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.SchedulerLimits;

/**
 * How a model is served.
 *
 * @param host the address to listen on
 * @param port 0 for any that is free
 * @param model what requests call the model
 * @param answering how requests are answered that don't say otherwise
 * @param scheduling how many requests run and wait
 * @param images what one image may cost
 * @param mostImages images a request may have
 * @param imageBytes memory that the decoded images of all requests together may take
 * @param mostBodyBytes the longest body of a request
 * @param key what requests have to know; null for nothing
 * @param files the folder whose images requests may name by {@code file:} URLs; null for none
 * @param stopWithin how long running requests have when the server stops
 */
public record ServerOptions(
    String host,
    int port,
    String model,
    Options answering,
    SchedulerLimits scheduling,
    ImageLimits images,
    int mostImages,
    long imageBytes,
    int mostBodyBytes,
    @Nullable String key,
    @Nullable Path files,
    Duration stopWithin) {

  /** Pixels of an image, unless more are allowed: 12 megabytes a million while it is decoded. */
  private static final long PIXELS = 24_000_000;

  /** Refuses numbers out of their range and an empty key. */
  public ServerOptions {
    if (port < 0 || port > 65_535) {
      throw new IllegalArgumentException("a port is 0 to 65535, got " + port);
    }
    if (mostImages < 0 || imageBytes < 1 || mostBodyBytes < 1) {
      throw new IllegalArgumentException(
          "limits of images and bodies must be positive, got %d images, %d bytes of images, %d of a body"
              .formatted(mostImages, imageBytes, mostBodyBytes));
    }
    if (key != null && key.isBlank()) {
      throw new IllegalArgumentException("the key is blank");
    }
    if (stopWithin.isNegative()) {
      throw new IllegalArgumentException("the time to stop must not be negative");
    }
  }

  /**
   * This machine alone, any port, no key, no files; eight images of 24 megapixels a request, a
   * quarter of Java's heap for all of them, bodies of 20 MiB, and 30 seconds to stop.
   */
  public static ServerOptions defaults(String model) {
    ImageLimits images = ImageLimits.defaults();
    return new ServerOptions(
        "127.0.0.1",
        0,
        model,
        Options.defaults(),
        SchedulerLimits.defaults(),
        new ImageLimits(images.maxBytes(), PIXELS, images.maxScans(), Duration.ofSeconds(20)),
        8,
        Runtime.getRuntime().maxMemory() / 4,
        20 << 20,
        null,
        null,
        Duration.ofSeconds(30));
  }

  /** These options on another address and port. */
  public ServerOptions withAddress(String newHost, int newPort) {
    return new ServerOptions(
        newHost,
        newPort,
        model,
        answering,
        scheduling,
        images,
        mostImages,
        imageBytes,
        mostBodyBytes,
        key,
        files,
        stopWithin);
  }

  /** These options with other answers to requests that say nothing. */
  public ServerOptions withAnswering(Options options) {
    return new ServerOptions(
        host,
        port,
        model,
        options,
        scheduling,
        images,
        mostImages,
        imageBytes,
        mostBodyBytes,
        key,
        files,
        stopWithin);
  }

  /** These options with other numbers of requests. */
  public ServerOptions withScheduling(SchedulerLimits limits) {
    return new ServerOptions(
        host,
        port,
        model,
        answering,
        limits,
        images,
        mostImages,
        imageBytes,
        mostBodyBytes,
        key,
        files,
        stopWithin);
  }

  /** These options with other limits of an image. */
  public ServerOptions withImages(ImageLimits limits) {
    return new ServerOptions(
        host,
        port,
        model,
        answering,
        scheduling,
        limits,
        mostImages,
        imageBytes,
        mostBodyBytes,
        key,
        files,
        stopWithin);
  }

  /** These options with another longest body. */
  public ServerOptions withMostBodyBytes(int bytes) {
    return new ServerOptions(
        host,
        port,
        model,
        answering,
        scheduling,
        images,
        mostImages,
        imageBytes,
        bytes,
        key,
        files,
        stopWithin);
  }

  /** These options with a key; null for none. */
  public ServerOptions withKey(@Nullable String secret) {
    return new ServerOptions(
        host,
        port,
        model,
        answering,
        scheduling,
        images,
        mostImages,
        imageBytes,
        mostBodyBytes,
        secret,
        files,
        stopWithin);
  }

  /** These options with a folder whose images may be named; null for none. */
  public ServerOptions withFiles(@Nullable Path folder) {
    return new ServerOptions(
        host,
        port,
        model,
        answering,
        scheduling,
        images,
        mostImages,
        imageBytes,
        mostBodyBytes,
        key,
        folder,
        stopWithin);
  }

  /** These options with another time to stop. */
  public ServerOptions withStopWithin(Duration time) {
    return new ServerOptions(
        host,
        port,
        model,
        answering,
        scheduling,
        images,
        mostImages,
        imageBytes,
        mostBodyBytes,
        key,
        files,
        time);
  }

  /** Without the key. */
  @Override
  public String toString() {
    return "ServerOptions[%s:%d, %s]".formatted(host, port, model);
  }
}
