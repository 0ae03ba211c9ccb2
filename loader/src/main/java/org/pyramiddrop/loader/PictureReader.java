package org.pyramiddrop.loader;

import com.drew.imaging.ImageMetadataReader;
import com.drew.imaging.ImageProcessingException;
import com.drew.metadata.Metadata;
import com.drew.metadata.MetadataException;
import com.drew.metadata.exif.ExifIFD0Directory;
import com.drew.metadata.jpeg.JpegDirectory;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;

/** Reads picture files: which format, how large, decode, turn upright. */
final class PictureReader {
  // The size at which the reference's picture library takes a file for an attack.
  static final long MOST_PIXELS = 2L * 89_478_485;

  private PictureReader() {}

  static Picture read(Path file) {
    byte[] bytes = readBytes(file);
    String format = format(file, bytes);
    if (format.equals("webp")) {
      checkRiffLength(file, bytes);
      ColourProfiles.hideInWebp(bytes);
    }
    Metadata metadata = metadata(bytes);
    if (format.equals("jpeg")) {
      JpegDirectory frame = metadata.getFirstDirectoryOfType(JpegDirectory.class);
      Integer components =
          frame == null ? null : frame.getInteger(JpegDirectory.TAG_NUMBER_OF_COMPONENTS);
      if (components != null && components == 4) {
        throw new PictureException(file, "is a CMYK JPEG, which isn't supported; save it as RGB");
      }
      bytes = ColourProfiles.removedFromJpeg(bytes);
    }
    BufferedImage image = decode(file, bytes, format);
    if (format.equals("png") && isGrey16(image)) {
      throw new PictureException(
          file, "is a 16-bit grey PNG, which isn't supported; save it with 8 bits");
    }
    return Orientation.upright(Samples.picture(image), orientation(metadata));
  }

  private static byte[] readBytes(Path file) {
    if (Files.isDirectory(file)) {
      throw new PictureException(file, "is a folder, not a picture");
    }
    try {
      return Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      throw new PictureException(file, "no such file", e);
    } catch (IOException e) {
      throw new PictureException(file, "can't be read: " + e.getMessage(), e);
    }
  }

  private static String format(Path file, byte[] bytes) {
    String start = new String(bytes, 0, Math.min(bytes.length, 12), StandardCharsets.ISO_8859_1);
    if (start.startsWith("\u0089PNG\r\n\u001a\n")) {
      return "png";
    }
    if (start.startsWith("\u00ff\u00d8\u00ff")) {
      return "jpeg";
    }
    if (start.startsWith("RIFF") && start.endsWith("WEBP")) {
      return "webp";
    }
    throw new PictureException(file, "is not a PNG, JPEG or WebP picture");
  }

  // The decoder takes missing bytes for zeros.
  private static void checkRiffLength(Path file, byte[] bytes) {
    long claimed =
        8 + Integer.toUnsignedLong(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(4));
    if (bytes.length < claimed) {
      throw new PictureException(
          file, "is truncated: it claims " + claimed + " bytes and has " + bytes.length);
    }
  }

  private static BufferedImage decode(Path file, byte[] bytes, String format) {
    Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(format);
    if (!readers.hasNext()) {
      throw new PictureException(file, "no decoder for " + format + " was found");
    }
    ImageReader reader = readers.next();
    try (MemoryCacheImageInputStream stream =
        new MemoryCacheImageInputStream(new ByteArrayInputStream(bytes))) {
      reader.setInput(stream, true, true);
      long pixels = (long) reader.getWidth(0) * reader.getHeight(0);
      if (pixels > MOST_PIXELS) {
        throw new PictureException(
            file, "has " + pixels + " pixels, more than the " + MOST_PIXELS + " that are read");
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
        throw new PictureException(file, "is damaged: " + damage[0]);
      }
      return image;
    } catch (IOException e) {
      throw new PictureException(file, "is damaged: " + e.getMessage(), e);
    } catch (IllegalArgumentException | IndexOutOfBoundsException | NegativeArraySizeException e) {
      throw new PictureException(file, "is damaged: " + e.getMessage(), e);
    } finally {
      reader.dispose();
    }
  }

  private static boolean isGrey16(BufferedImage image) {
    return image.getColorModel() instanceof ComponentColorModel model
        && model.getTransferType() == DataBuffer.TYPE_USHORT
        && model.getNumComponents() == 1;
  }

  // A picture whose metadata is damaged is still a picture; it counts as having none.
  private static Metadata metadata(byte[] bytes) {
    try {
      return ImageMetadataReader.readMetadata(new ByteArrayInputStream(bytes), bytes.length);
    } catch (ImageProcessingException | IOException e) {
      return new Metadata();
    }
  }

  private static Orientation orientation(Metadata metadata) {
    for (ExifIFD0Directory exif : metadata.getDirectoriesOfType(ExifIFD0Directory.class)) {
      if (exif.containsTag(ExifIFD0Directory.TAG_ORIENTATION)) {
        try {
          return Orientation.ofExif(exif.getInt(ExifIFD0Directory.TAG_ORIENTATION));
        } catch (MetadataException e) {
          return Orientation.UPRIGHT;
        }
      }
    }
    return Orientation.UPRIGHT;
  }
}
