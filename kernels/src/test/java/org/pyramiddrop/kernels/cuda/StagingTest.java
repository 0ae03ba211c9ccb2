package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CudaException;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.cuda.DeviceBuffer;
import org.pyramiddrop.kernels.DeviceException;

/** Bytes go to the device through a ring of small buffers and come back as they were. */
class StagingTest {
  private static final long SEED = Long.getLong("pyramiddrop.seed", System.nanoTime());
  private static final int MOST = 64;
  private static final int LEAST = 16;

  @TempDir private Path temp;

  private final Random random = new Random(SEED);
  private Context context;
  private CudaStream stream;

  @BeforeEach
  void open() {
    TestGpu.prepare();
    if (!TestGpu.isReal()) {
      TestGpu.hook("emulated_reset");
      TestGpu.hook("emulated_seed", SEED);
    }
    context = Context.open(0);
    stream = context.stream();
  }

  @AfterEach
  void close() {
    context.close();
    assertThat(TestGpu.liveHandles()).isZero();
  }

  private Staging staging(int readers) {
    return new Staging(context, new Staging.Sizes(readers, MOST, LEAST));
  }

  private byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  private MemorySegment mapped(byte[] content, Arena arena) throws IOException {
    Path file = Files.write(temp.resolve("mapped"), content);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, content.length, arena);
    }
  }

  /** Uploads over poison and reads back. */
  private byte[] through(Staging staging, MemorySegment from) {
    int size = (int) from.byteSize();
    try (DeviceBuffer buffer = context.allocate(Math.max(size, 1))) {
      stream.fill(buffer.address(), (byte) 0xa5, size);
      staging.upload(from, buffer.address(), stream);
      byte[] back = new byte[size];
      staging.download(buffer.address(), MemorySegment.ofArray(back), stream);
      return back;
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7})
  void sizesAroundThoseOfBuffersAndPartsArriveWhole(int readers) throws IOException {
    List<Integer> sizes = new ArrayList<>(List.of(0, 1));
    for (int step : new int[] {LEAST, MOST, 2 * readers * LEAST, 2 * readers * MOST, 10_000}) {
      sizes.addAll(List.of(step - 1, step, step + 1, 3 * step + 5));
    }
    try (Staging staging = staging(readers);
        Arena arena = Arena.ofShared()) {
      for (int size : sizes) {
        byte[] content = bytes(size + 3);
        MemorySegment odd = mapped(content, arena).asSlice(3);
        byte[] expected = odd.toArray(ValueLayout.JAVA_BYTE);
        assertThat(through(staging, odd)).as("%d bytes, seed %d", size, SEED).isEqualTo(expected);
        assertThat(through(staging, MemorySegment.ofArray(expected)))
            .as("%d bytes of the heap, seed %d", size, SEED)
            .isEqualTo(expected);
      }
    }
  }

  /** The copy that is under way into pinned memory must not end in what is uploaded next. */
  @Test
  void whatFollowsAFailedDownloadArrivesWhole() {
    assumeFalse(TestGpu.isReal(), "a real GPU can't be broken on purpose");
    try (Staging staging = staging(1);
        DeviceBuffer stale = context.allocate(3 * MOST)) {
      stream.fill(stale.address(), (byte) 0xa5, 3 * MOST);
      for (int round = 0; round < 50; round++) {
        int failing = 1 + random.nextInt(9);
        TestGpu.hook("emulated_fail_after", failing, 600);
        byte[] lost = new byte[3 * MOST];
        assertThatExceptionOfType(CudaException.class)
            .as("call %d fails, seed %d", failing, SEED)
            .isThrownBy(
                () -> staging.download(stale.address(), MemorySegment.ofArray(lost), stream));
        byte[] content = bytes(5 * MOST);
        assertThat(through(staging, MemorySegment.ofArray(content)))
            .as("call %d failed, seed %d", failing, SEED)
            .isEqualTo(content);
      }
    }
  }

  @Test
  void partsCoverEverythingOnceAndGetSmaller() {
    Staging.Sizes sizes = new Staging.Sizes(3, MOST, LEAST);
    for (long size = 1; size < 3000; size++) {
      long before = MOST;
      for (long left = size; left > 0; ) {
        long part = sizes.nextPart(left);
        assertThat(part).isBetween(Math.min(left, LEAST), Math.min(left, before));
        assertThat(part == left || part % LEAST == 0).isTrue();
        before = part;
        left -= part;
      }
    }
  }

  @Test
  void refusesPartsThatCutNumbersInTwo() {
    assertThatIllegalArgumentException().isThrownBy(() -> new Staging.Sizes(1, 64, 12));
    assertThatIllegalArgumentException().isThrownBy(() -> new Staging.Sizes(1, 24, 16));
    assertThatIllegalArgumentException().isThrownBy(() -> new Staging.Sizes(0, 64, 16));
  }

  @Test
  void uploadsBehindOneAnotherDoNotDisturbEachOther() {
    try (Staging staging = staging(3);
        Arena arena = Arena.ofShared()) {
      List<byte[]> contents = new ArrayList<>();
      List<DeviceBuffer> buffers = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        byte[] content = bytes(1 + random.nextInt(1000));
        MemorySegment from = arena.allocateFrom(ValueLayout.JAVA_BYTE, content);
        DeviceBuffer buffer = context.allocate(content.length);
        staging.upload(from, buffer.address(), stream);
        // It may change once the call has returned.
        from.fill((byte) 0);
        contents.add(content);
        buffers.add(buffer);
      }
      for (int i = 0; i < contents.size(); i++) {
        byte[] back = new byte[contents.get(i).length];
        staging.download(buffers.get(i).address(), MemorySegment.ofArray(back), stream);
        assertThat(back).as("upload %d, seed %d", i, SEED).isEqualTo(contents.get(i));
      }
      buffers.forEach(DeviceBuffer::close);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 400})
  void aFileThatWasCutShortIsOneErrorAndNothingIsLeftRunning(int pages) throws Exception {
    long page = 4096;
    byte[] content = bytes(pages * (int) page);
    byte[] whole = bytes(5000);
    try (Staging staging = new Staging(context, new Staging.Sizes(3, 8192, 4096));
        Arena arena = Arena.ofShared();
        DeviceBuffer buffer = context.allocate(content.length)) {
      MemorySegment from = mapped(content, arena);
      try (FileChannel file = FileChannel.open(temp.resolve("mapped"), StandardOpenOption.WRITE)) {
        file.truncate(pages / 2 * page);
      }
      assertThatExceptionOfType(DeviceException.class)
          .isThrownBy(() -> staging.upload(from, buffer.address(), stream))
          .withMessageContaining("cut short")
          .withMessageNotContaining("\n");
      assertThat(readersAtWork()).isEmpty();
      byte[] back = through(staging, MemorySegment.ofArray(whole));
      assertThat(back).as("another upload, seed %d", SEED).isEqualTo(whole);
    }
  }

  @Test
  void compiledCodeNoticesAFileThatWasCutShortAsWell() throws IOException {
    long page = 4096;
    try (Arena arena = Arena.ofShared()) {
      MemorySegment from = mapped(bytes(8 * (int) page), arena);
      MemorySegment to = arena.allocate(page);
      for (int i = 0; i < 40_000; i++) {
        Readers.copy(from.asSlice(i % 4 * page, page), to);
      }
      try (FileChannel file = FileChannel.open(temp.resolve("mapped"), StandardOpenOption.WRITE)) {
        file.truncate(4 * page);
      }
      for (int i = 0; i < 1000; i++) {
        MemorySegment gone = from.asSlice((4 + i % 4) * page, page);
        assertThatExceptionOfType(DeviceException.class)
            .isThrownBy(() -> Readers.copy(gone, to))
            .withMessageContaining("cut short");
      }
    }
  }

  @Test
  void aSinkThatFailsLeavesBuffersThatCanBeUsed() {
    for (int good = 0; good < 30; good++) {
      int failing = good;
      try (Staging staging = staging(3);
          DeviceBuffer buffer = context.allocate(4000)) {
        byte[] content = bytes(4000);
        try (Arena arena = Arena.ofShared()) {
          MemorySegment from = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes(4000));
          assertThatIllegalStateException()
              .isThrownBy(() ->
                  staging.stage(
                      from,
                      stream,
                      (pinned, offset, bytes) -> {
                        stream.upload(pinned, 0, buffer.address() + offset, bytes);
                        if (offset >= 64L * failing) {
                          throw new IllegalStateException("by order");
                        }
                      }))
              .withMessage("by order");
        }
        try (Arena arena = Arena.ofShared()) {
          MemorySegment from = arena.allocateFrom(ValueLayout.JAVA_BYTE, content);
          assertThat(through(staging, from)).as("seed %d", SEED).isEqualTo(content);
        }
      }
    }
  }

  @Test
  void anInterruptIsKeptAndTearsNothingApart() {
    try (Staging staging = staging(3);
        Arena arena = Arena.ofShared()) {
      byte[] content = bytes(9999);
      MemorySegment from = arena.allocateFrom(ValueLayout.JAVA_BYTE, content);
      Thread.currentThread().interrupt();
      byte[] back = through(staging, from);
      assertThat(Thread.interrupted()).as("still interrupted").isTrue();
      assertThat(back).as("seed %d", SEED).isEqualTo(content);
    }
  }

  @Test
  void noThreadOutlivesALoadForLong() throws InterruptedException {
    try (Staging staging = staging(3);
        Arena arena = Arena.ofShared()) {
      through(staging, arena.allocate(5000));
      assertThat(readers()).isNotEmpty();
      assertNoReaderStays();
      through(staging, arena.allocate(5000));
      assertThat(readers()).as("started anew").isNotEmpty();
    }
    assertNoReaderStays();
  }

  static void assertNoReaderStays() throws InterruptedException {
    for (int i = 0; i < 100 && !readers().isEmpty(); i++) {
      Thread.sleep(50);
    }
    assertThat(readers()).isEmpty();
  }

  private static List<Thread> readers() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("pyramiddrop-reader"))
        .toList();
  }

  /** Threads that are copying just now. */
  private static List<String> readersAtWork() {
    return Thread.getAllStackTraces().entrySet().stream()
        .filter(entry -> entry.getKey().getName().startsWith("pyramiddrop-reader"))
        .map(entry -> List.of(entry.getValue()).toString())
        .filter(stack -> stack.contains("Readers.copy"))
        .toList();
  }
}
