package org.pyramiddrop.loader;

import java.io.IOException;
import java.time.Duration;
import javax.imageio.stream.ImageInputStreamImpl;

/**
 * Bytes in memory as decoders want them, without another copy, and only for so long: a decoder that
 * asks for more when its time is up gets {@link TimeUp}. A decoder's progress can't be listened to
 * instead, since that of JPEG then draws every scan.
 */
final class BytesStream extends ImageInputStreamImpl {
  private static final int READS_BETWEEN_LOOKS = 1 << 10;

  private final byte[] bytes;
  private final Duration most;
  private final long start = System.nanoTime();
  private int reads;

  /** Decoding took too long. */
  static final class TimeUp extends IOException {
    private static final long serialVersionUID = 1L;

    TimeUp(Duration most) {
      super(
          "takes longer to decode than the %s it is given"
              .formatted(
                  most.toMillis() % 1000 == 0 ? most.toSeconds() + " s" : most.toMillis() + " ms"));
    }
  }

  BytesStream(byte[] bytes, Duration most) {
    this.bytes = bytes;
    this.most = most;
  }

  @Override
  public int read() throws IOException {
    // Some decoders take byte by byte, and the clock takes longer than a byte.
    if (++reads % READS_BETWEEN_LOOKS == 0) {
      look();
    }
    bitOffset = 0;
    return streamPos < bytes.length ? bytes[(int) streamPos++] & 0xFF : -1;
  }

  @Override
  public int read(byte[] to, int offset, int length) throws IOException {
    look();
    bitOffset = 0;
    if (streamPos >= bytes.length) {
      return length == 0 ? 0 : -1;
    }
    int count = (int) Math.min(length, bytes.length - streamPos);
    System.arraycopy(bytes, (int) streamPos, to, offset, count);
    streamPos += count;
    return count;
  }

  private void look() throws TimeUp {
    if (System.nanoTime() - start > most.toNanos()) {
      throw new TimeUp(most);
    }
  }

  @Override
  public long length() {
    return bytes.length;
  }
}
