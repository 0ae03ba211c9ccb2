package org.pyramiddrop.loader;

import java.util.Base64;
import java.util.Locale;

/** The image in a {@code data:} URI. */
final class DataUri {
  /** What messages call such an image: the text itself may be megabytes long. */
  static final String NAME = "the data: URI";

  private static final String SCHEME = "data:";

  private DataUri() {}

  static byte[] bytes(String uri, ImageLimits limits) {
    if (!uri.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
      throw wrong("doesn't start with 'data:'");
    }
    int comma = uri.indexOf(',');
    if (comma < 0) {
      throw wrong("has no comma before its data");
    }
    String type = uri.substring(SCHEME.length(), comma).toLowerCase(Locale.ROOT);
    if (!type.endsWith(";base64")) {
      throw wrong("isn't base64: write 'data:image/png;base64,' before the data");
    }
    // Base64 makes four characters of three bytes.
    if ((uri.length() - comma) / 4L * 3 > limits.maxBytes() + 3) {
      throw wrong("holds more than the " + limits.maxBytes() + " bytes that are read");
    }
    try {
      return Base64.getDecoder().decode(withoutSpaces(uri.substring(comma + 1)));
    } catch (IllegalArgumentException e) {
      throw new ImageException(NAME, "isn't valid base64: " + FailureReason.of(e), e);
    }
  }

  // Tools break such lines.
  private static String withoutSpaces(String data) {
    StringBuilder kept = new StringBuilder(data.length());
    for (int i = 0; i < data.length(); i++) {
      char c = data.charAt(i);
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
        kept.append(c);
      }
    }
    return kept.toString();
  }

  private static ImageException wrong(String how) {
    return new ImageException(NAME, how, null);
  }
}
