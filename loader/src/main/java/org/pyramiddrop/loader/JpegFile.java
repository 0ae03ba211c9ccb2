package org.pyramiddrop.loader;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads the segments of a JPEG file. How its three components are meant, as luminance and chroma or
 * as red, green and blue, is decided as libjpeg does, which the reference uses, and written into
 * the file for the decoder, which would guess otherwise.
 */
final class JpegFile {
  private static final int START = 0xD8;
  private static final int END = 0xD9;
  private static final int START_OF_SCAN = 0xDA;
  private static final int APP0 = 0xE0;
  private static final int APP1 = 0xE1;
  private static final int APP14 = 0xEE;
  private static final int APP15 = 0xEF;
  private static final int COMMENT = 0xFE;
  private static final byte[] STARTS_AS_JFIF =
      segment(APP0, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0);
  private static final byte[] STARTS_AS_RGB =
      segment(APP14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0);

  private final String name;
  private final byte[] bytes;
  private final FileParts kept;
  private @Nullable Frame frame;
  private boolean jfif;
  private int adobeTransform = -1;
  private @Nullable Orientation orientation;
  private int scans;

  /** What the frame header says; the components' sampling factors are across, down. */
  private record Frame(int width, int height, List<Component> components) {}

  private record Component(int id, int across, int down) {}

  private JpegFile(String name, byte[] bytes) {
    this.name = name;
    this.bytes = bytes;
    this.kept = new FileParts(bytes);
  }

  static EncodedImage read(String name, byte[] bytes, ImageLimits limits) {
    return new JpegFile(name, bytes).read(limits);
  }

  private EncodedImage read(ImageLimits limits) {
    readSegments();
    Frame found = frame;
    if (found == null || scans == 0) {
      throw new ImageException(name, "is truncated: it holds no pixels", null);
    }
    int components = found.components.size();
    if (components == 4) {
      throw new ImageException(name, "is a CMYK JPEG, which isn't supported; save it as RGB", null);
    }
    if (components != 1 && components != 3) {
      throw new ImageException(
          name, "has " + components + " colour components, which isn't supported", null);
    }
    EncodedImage image =
        new EncodedImage(
            "jpeg",
            found.width,
            found.height,
            orientation == null ? Orientation.UPRIGHT : orientation,
            kept.between(isRgb(found.components) ? STARTS_AS_RGB : STARTS_AS_JFIF, new byte[0]));
    image.check(name, limits);
    checkPacked(found);
    if (scans > limits.maxScans()) {
      throw new ImageException(
          name,
          "has %d scans, more than the %d that are read; save it anew"
              .formatted(scans, limits.maxScans()),
          null);
    }
    return image;
  }

  // Whatever stands between two segments, packed pixels or nonsense, is skipped as libjpeg skips
  // it: up to the next marker.
  private void readSegments() {
    int at = 2;
    while (true) {
      int marker = nextMarker(at);
      kept.keep(at, Math.min(marker, bytes.length));
      if (marker + 1 >= bytes.length) {
        return;
      }
      int type = bytes[marker + 1] & 0xFF;
      if (type == END) {
        kept.keep(marker, marker + 2);
        return;
      }
      int end = segmentEnd(marker);
      readSegment(type, marker + 4, end);
      if (type < APP0 || (type > APP15 && type != COMMENT)) {
        kept.keep(marker, end);
      }
      at = end;
    }
  }

  /** Where the next marker's 0xFF stands; the file's end if none follows. */
  private int nextMarker(int from) {
    for (int i = from; i + 1 < bytes.length; i++) {
      int type = bytes[i + 1] & 0xFF;
      boolean restart = type >= 0xD0 && type <= 0xD7;
      if ((bytes[i] & 0xFF) == 0xFF && type > 0x01 && type != 0xFF && !restart) {
        return i;
      }
    }
    return bytes.length;
  }

  private int segmentEnd(int marker) {
    int length = marker + 4 <= bytes.length ? twoBytes(marker + 2) : 0;
    if (length < 2 || marker + 2 + length > bytes.length) {
      throw new ImageException(name, "is truncated: a segment of it is missing", null);
    }
    return marker + 2 + length;
  }

  private void readSegment(int type, int data, int end) {
    switch (type) {
      case APP0 -> jfif |= startsWith("JFIF\0", data, end) && end - data >= 14;
      case APP1 -> {
        if (orientation == null && Exif.isAt(bytes, data, end)) {
          orientation = Exif.orientation(bytes, data, end);
        }
      }
      case APP14 -> {
        if (startsWith("Adobe", data, end) && end - data >= 12) {
          adobeTransform = bytes[data + 11] & 0xFF;
        }
      }
      case START_OF_SCAN -> scans++;
      default -> {
        boolean isFrame =
            type >= 0xC0 && type <= 0xCF && type != 0xC4 && type != 0xC8 && type != 0xCC;
        if (isFrame && frame == null) {
          frame = frame(data, end);
        }
      }
    }
  }

  private Frame frame(int data, int end) {
    int count = end - data >= 6 ? bytes[data + 5] & 0xFF : 0;
    if (count == 0 || end - data < 6 + 3 * count) {
      throw new ImageException(name, "is damaged: its header is too short", null);
    }
    List<Component> components = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int at = data + 6 + 3 * i;
      int sampling = bytes[at + 1] & 0xFF;
      components.add(new Component(bytes[at] & 0xFF, sampling >> 4, sampling & 0xF));
    }
    return new Frame(twoBytes(data + 3), twoBytes(data + 1), components);
  }

  private boolean isRgb(List<Component> components) {
    if (components.size() != 3 || jfif) {
      return false;
    }
    if (adobeTransform >= 0) {
      return adobeTransform == 0;
    }
    return components.get(0).id == 'R'
        && components.get(1).id == 'G'
        && components.get(2).id == 'B';
  }

  // Each block of 8×8 samples takes a bit at least, whatever its colour.
  private void checkPacked(Frame found) {
    int across = found.components.stream().mapToInt(Component::across).max().orElse(1);
    int down = found.components.stream().mapToInt(Component::down).max().orElse(1);
    long fewest =
        found.components.stream()
            .mapToLong(c ->
                ((long) found.width * c.across / Math.max(1, 8 * across))
                    * ((long) found.height * c.down / Math.max(1, 8 * down)))
            .min()
            .orElse(0);
    if (fewest > 8L * bytes.length) {
      throw new ImageException(
          name,
          "is damaged: %d bytes can't hold its %d×%d pixels"
              .formatted(bytes.length, found.width, found.height),
          null);
    }
  }

  private boolean startsWith(String text, int data, int end) {
    byte[] wanted = text.getBytes(StandardCharsets.ISO_8859_1);
    if (end - data < wanted.length) {
      return false;
    }
    for (int i = 0; i < wanted.length; i++) {
      if (bytes[data + i] != wanted[i]) {
        return false;
      }
    }
    return true;
  }

  private int twoBytes(int at) {
    return (bytes[at] & 0xFF) << 8 | (bytes[at + 1] & 0xFF);
  }

  /** The start of a file, and a segment. */
  private static byte[] segment(int type, int... data) {
    byte[] made = new byte[6 + data.length];
    made[0] = (byte) 0xFF;
    made[1] = (byte) START;
    made[2] = (byte) 0xFF;
    made[3] = (byte) type;
    made[5] = (byte) (2 + data.length);
    for (int i = 0; i < data.length; i++) {
      made[6 + i] = (byte) data[i];
    }
    return made;
  }
}
