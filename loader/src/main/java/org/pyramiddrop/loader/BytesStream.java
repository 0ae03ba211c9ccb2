package org.pyramiddrop.loader;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import javax.imageio.stream.ImageInputStreamImpl;

/**
 * Bytes in memory as decoders want them, without another copy, and only for so long: a decoder that
 * asks for more when its time is up, when it has taken too much memory, or again and again when
 * there is no more, gets {@link Stop}. A decoder's progress can't be listened to instead, since
 * that of JPEG then draws every scan.
 */
final class BytesStream extends ImageInputStreamImpl {
  private static final int READS_BETWEEN_LOOKS = 1 << 10;

  /** WebP's decoder reads 56 bits ahead, bit by bit; what it takes from behind them it invents. */
  private static final int MOST_READS_BEHIND_THE_END = 100;

  private final byte[] bytes;
  private final ImageLimits limits;
  private final long mostAllocated;
  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private final long allocatedBefore = threads.getCurrentThreadAllocatedBytes();
  private final long start = System.nanoTime();
  private int reads;
  private int readsBehindTheEnd;

  /** What a decoder is told when it may not go on. */
  static final class Stop extends IOException {
    private static final long serialVersionUID = 1L;

    Stop(String why) {
      super(why);
    }
  }

  /**
   * A stream.
   *
   * @param mostAllocated how many bytes of Java's heap this thread may take while it is read
   */
  BytesStream(byte[] bytes, ImageLimits limits, long mostAllocated) {
    this.bytes = bytes;
    this.limits = limits;
    this.mostAllocated = mostAllocated;
  }

  @Override
  public int read() throws IOException {
    // Some decoders take byte by byte, and the clock takes longer than a byte.
    if (++reads % READS_BETWEEN_LOOKS == 0) {
      lookAtTime();
      lookAtMemory();
    }
    bitOffset = 0;
    return streamPos < bytes.length ? bytes[(int) streamPos++] & 0xFF : nothing();
  }

  @Override
  public int read(byte[] to, int offset, int length) throws IOException {
    lookAtTime();
    if (++reads % READS_BETWEEN_LOOKS == 0) {
      lookAtMemory();
    }
    bitOffset = 0;
    if (streamPos >= bytes.length) {
      return length == 0 ? 0 : nothing();
    }
    int count = (int) Math.min(length, bytes.length - streamPos);
    System.arraycopy(bytes, (int) streamPos, to, offset, count);
    streamPos += count;
    return count;
  }

  private int nothing() throws Stop {
    if (++readsBehindTheEnd > MOST_READS_BEHIND_THE_END) {
      throw new Stop("is damaged: it ends too early");
    }
    return -1;
  }

  private void lookAtTime() throws Stop {
    Duration most = limits.maxTime();
    if (System.nanoTime() - start > most.toNanos()) {
      throw new Stop(
          "takes longer to decode than the %s it is given"
              .formatted(
                  most.toMillis() % 1000 == 0 ? most.toSeconds() + " s" : most.toMillis() + " ms"));
    }
  }

  private void lookAtMemory() throws Stop {
    if (threads.getCurrentThreadAllocatedBytes() - allocatedBefore > mostAllocated) {
      throw new Stop("takes more memory to decode than its size in pixels explains");
    }
  }

  @Override
  public long length() {
    return bytes.length;
  }
}
