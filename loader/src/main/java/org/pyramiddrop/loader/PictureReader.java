package org.pyramiddrop.loader;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;

/** Reads encoded pictures: which format, how large, decode, turn upright. */
final class PictureReader {
  private PictureReader() {}

  static Picture read(Path file, PictureLimits limits) {
    if (Files.isDirectory(file)) {
      throw new PictureException(file, "is a folder, not a picture");
    }
    try (InputStream stream = Files.newInputStream(file)) {
      // Before it is read: a file this long may not fit in memory.
      checkLength(file.toString(), Files.size(file), limits);
      return read(stream, file.toString(), limits);
    } catch (IOException e) {
      throw new PictureException(file, cannotBeRead(e), e);
    }
  }

  static Picture read(InputStream stream, String name, PictureLimits limits) {
    byte[] bytes;
    try {
      bytes = stream.readNBytes((int) limits.maxBytes() + 1);
    } catch (IOException e) {
      throw new PictureException(name, cannotBeRead(e), e);
    } catch (OutOfMemoryError e) {
      throw new PictureException(name, "there isn't enough memory to read its file", e);
    }
    return read(bytes, name, limits);
  }

  static Picture read(byte[] bytes, String name, PictureLimits limits) {
    checkLength(name, bytes.length, limits);
    EncodedPicture encoded;
    try {
      encoded = encoded(bytes, name, limits);
    } catch (OutOfMemoryError e) {
      throw new PictureException(name, "there isn't enough memory to read its file", e);
    }
    try {
      Picture stored = PixelColours.picture(decode(encoded, name, limits));
      return Orientation.upright(stored, encoded.orientation());
    } catch (OutOfMemoryError e) {
      throw notEnoughMemory(encoded, name, e);
    }
  }

  private static String cannotBeRead(IOException e) {
    String reason = FailureReason.of(e);
    return reason.equals("no such file") ? reason : "can't be read: " + reason;
  }

  private static void checkLength(String name, long bytes, PictureLimits limits) {
    if (bytes > limits.maxBytes()) {
      throw new PictureException(
          name, "is longer than the " + limits.maxBytes() + " bytes that are read", null);
    }
  }

  private static EncodedPicture encoded(byte[] bytes, String name, PictureLimits limits) {
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
      throw new PictureException(name, LargeFileStorage.ADVICE, null);
    }
    throw new PictureException(
        name,
        (bytes.length == 0 ? "is empty and " : "") + "is not a PNG, JPEG or WebP picture",
        null);
  }

  private static BufferedImage decode(EncodedPicture encoded, String name, PictureLimits limits) {
    Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(encoded.format());
    if (!readers.hasNext()) {
      throw new PictureException(name, "no decoder for " + encoded.format() + " was found", null);
    }
    ImageReader reader = readers.next();
    try (BytesStream stream = new BytesStream(encoded.file(), limits, mostAllocated(encoded))) {
      reader.setInput(stream, true, true);
      if (reader.getWidth(0) != encoded.width() || reader.getHeight(0) != encoded.height()) {
        throw new PictureException(name, "is damaged: it says twice how large it is", null);
      }
      // Decoders fill up what is missing and warn; a picture with a made-up part must not pass.
      String[] damage = new String[1];
      reader.addIIOReadWarningListener((source, warning) -> {
        if (warning.contains("Truncated") || warning.contains("premature end")) {
          damage[0] = warning;
        }
      });
      BufferedImage image = reader.read(0);
      if (damage[0] != null) {
        throw new PictureException(name, "is damaged: " + damage[0], null);
      }
      return image;
    } catch (IOException e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        switch (cause) {
          case OutOfMemoryError _ -> throw notEnoughMemory(encoded, name, e);
          case BytesStream.Stop stop -> throw new PictureException(name, FailureReason.of(stop), e);
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

  /** Twice what {@link PictureLimits} says of any picture, and some for its decoder's tables. */
  private static long mostAllocated(EncodedPicture picture) {
    return 24 * picture.width() * picture.height() + 4L * picture.file().length + (32 << 20);
  }

  private static PictureException damaged(String name, Exception e) {
    return new PictureException(name, "is damaged: " + FailureReason.of(e), e);
  }

  private static PictureException notEnoughMemory(
      EncodedPicture encoded, String name, Throwable cause) {
    return new PictureException(
        name,
        "there isn't enough memory for its %d×%d pixels; give Java more (-Xmx) or make it smaller"
            .formatted(encoded.width(), encoded.height()),
        cause);
  }
}
