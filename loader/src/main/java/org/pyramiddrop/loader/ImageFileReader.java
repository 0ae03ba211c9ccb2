package org.pyramiddrop.loader;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.ServiceLoader;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.spi.ImageReaderSpi;

/** Reads encoded images: which format, how large, decode, turn upright. */
final class ImageFileReader {
  private ImageFileReader() {}

  static Image read(Path file, ImageLimits limits) {
    if (Files.isDirectory(file)) {
      throw new ImageException(file, "is a folder, not an image");
    }
    try (InputStream stream = Files.newInputStream(file)) {
      // Before it is read: a file this long may not fit in memory.
      checkLength(file.toString(), Files.size(file), limits);
      return read(stream, file.toString(), limits);
    } catch (IOException e) {
      throw new ImageException(file, cannotBeRead(e), e);
    }
  }

  static Image read(InputStream stream, String name, ImageLimits limits) {
    byte[] bytes;
    try {
      bytes = stream.readNBytes((int) limits.maxBytes() + 1);
    } catch (IOException e) {
      throw new ImageException(name, cannotBeRead(e), e);
    } catch (OutOfMemoryError e) {
      throw new ImageException(name, "there isn't enough memory to read its file", e);
    }
    return read(bytes, name, limits);
  }

  static Image read(byte[] bytes, String name, ImageLimits limits) {
    checkLength(name, bytes.length, limits);
    EncodedImage encoded;
    try {
      encoded = encoded(bytes, name, limits);
    } catch (OutOfMemoryError e) {
      throw new ImageException(name, "there isn't enough memory to read its file", e);
    }
    try {
      Image stored = PixelColours.image(decode(encoded, name, limits));
      return Orientation.upright(stored, encoded.orientation());
    } catch (OutOfMemoryError e) {
      throw notEnoughMemory(encoded, name, e);
    }
  }

  private static String cannotBeRead(IOException e) {
    String reason = FailureReason.of(e);
    return reason.equals("no such file") ? reason : "can't be read: " + reason;
  }

  private static void checkLength(String name, long bytes, ImageLimits limits) {
    if (bytes > limits.maxBytes()) {
      throw new ImageException(
          name, "is longer than the " + limits.maxBytes() + " bytes that are read", null);
    }
  }

  private static EncodedImage encoded(byte[] bytes, String name, ImageLimits limits) {
    String start = new String(bytes, 0, Math.min(bytes.length, 12), StandardCharsets.ISO_8859_1);
    if (start.startsWith("\u0089PNG\r\n\u001a\n")) {
      return PngFile.read(name, bytes, limits);
    }
    if (start.startsWith("\u00ff\u00d8\u00ff")) {
      return JpegFile.read(name, bytes, limits);
    }
    if (start.startsWith("RIFF") && start.endsWith("WEBP")) {
      return WebpFile.read(name, bytes, limits);
    }
    if (LargeFileStorage.isPointer(bytes)) {
      throw new ImageException(name, LargeFileStorage.ADVICE, null);
    }
    throw new ImageException(
        name,
        (bytes.length == 0 ? "is empty and " : "") + "is not a PNG, JPEG or WebP image",
        null);
  }

  /**
   * The decoder that ImageIO knows, else one among the libraries beside this one. ImageIO looks for
   * those once, with the class loader of the thread that came first, which in a server or a Spark
   * task sees less.
   */
  private static ImageReader decoder(String format, String name) {
    Iterator<ImageReader> known = ImageIO.getImageReadersByFormatName(format);
    if (known.hasNext()) {
      return known.next();
    }
    for (ImageReaderSpi beside :
        ServiceLoader.load(ImageReaderSpi.class, ImageFileReader.class.getClassLoader())) {
      if (List.of(beside.getFormatNames()).contains(format)) {
        try {
          return beside.createReaderInstance();
        } catch (IOException e) {
          throw new ImageException(
              name, "the decoder for " + format + " can't be used: " + FailureReason.of(e), e);
        }
      }
    }
    throw new ImageException(name, "no decoder for " + format + " was found", null);
  }

  private static BufferedImage decode(EncodedImage encoded, String name, ImageLimits limits) {
    ImageReader reader = decoder(encoded.format(), name);
    try (BytesStream stream = new BytesStream(encoded.file(), limits, mostAllocated(encoded))) {
      reader.setInput(stream, true, true);
      if (reader.getWidth(0) != encoded.width() || reader.getHeight(0) != encoded.height()) {
        throw new ImageException(name, "is damaged: it says twice how large it is", null);
      }
      // Decoders fill up what is missing and warn; an image with a made-up part must not pass.
      String[] damage = new String[1];
      reader.addIIOReadWarningListener((source, warning) -> {
        if (warning.contains("Truncated") || warning.contains("premature end")) {
          damage[0] = warning;
        }
      });
      BufferedImage image = reader.read(0);
      if (damage[0] != null) {
        throw new ImageException(name, "is damaged: " + damage[0], null);
      }
      return image;
    } catch (IOException e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        switch (cause) {
          case OutOfMemoryError _ -> throw notEnoughMemory(encoded, name, e);
          case BytesStream.Stop stop -> throw new ImageException(name, FailureReason.of(stop), e);
          default -> {
            // Something about the file.
          }
        }
      }
      throw damaged(name, e);
    } catch (IllegalArgumentException
        | IllegalStateException
        | IndexOutOfBoundsException
        | NegativeArraySizeException
        | ArithmeticException
        | NullPointerException e) {
      // Decoders meet nonsense with whatever it makes them do.
      throw damaged(name, e);
    } finally {
      reader.dispose();
    }
  }

  /** Twice what {@link ImageLimits} says of any image, and some for its decoder's tables. */
  private static long mostAllocated(EncodedImage image) {
    return 24 * image.width() * image.height() + 4L * image.file().length + (32 << 20);
  }

  private static ImageException damaged(String name, Exception e) {
    return new ImageException(name, "is damaged: " + FailureReason.of(e), e);
  }

  private static ImageException notEnoughMemory(
      EncodedImage encoded, String name, Throwable cause) {
    return new ImageException(
        name,
        "there isn't enough memory for its %d×%d pixels; give Java more (-Xmx) or make it smaller"
            .formatted(encoded.width(), encoded.height()),
        cause);
  }
}
