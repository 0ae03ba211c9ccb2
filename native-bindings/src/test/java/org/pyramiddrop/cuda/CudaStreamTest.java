package org.pyramiddrop.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class CudaStreamTest {
  private StubDriver stub;
  private Context context;
  private CudaStream stream;

  @BeforeEach
  void open() {
    stub = new StubDriver();
    context = Context.open(0);
    stream = context.stream();
  }

  @AfterEach
  void closeAndCount() {
    context.close();
    assertThat(stub.openHandles()).isZero();
  }

  @Test
  void bytesGoUpAcrossAndDownWhereTheyWereMeantTo() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes(1, 2, 3, 4, 5, 6));
      MemorySegment to = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes(9, 9, 9, 9, 9, 9));
      long there = context.allocate(16).address();
      long elsewhere = context.allocate(16).address();

      stream.fill(elsewhere, (byte) 7, 16);
      stream.upload(from, 1, there + 3, 4);
      stream.copy(there + 4, elsewhere + 1, 2);
      stream.download(elsewhere, to, 2, 3);
      stream.synchronize();

      assertThat(to.toArray(ValueLayout.JAVA_BYTE)).containsExactly(9, 9, 7, 3, 4, 9);
    }
  }

  @Test
  void copiesStayInsideTheHostsMemory() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(8);
      long device = context.allocate(16).address();

      assertThatThrownBy(() -> stream.upload(memory, 1, device, 8))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> stream.download(device, memory, -1, 2))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThat(stub.calls()).doesNotContain("upload", "download");
    }
  }

  @Test
  void arraysAreRefused() {
    MemorySegment array = MemorySegment.ofArray(new byte[8]);
    long device = context.allocate(8).address();

    assertThatThrownBy(() -> stream.upload(array, 0, device, 8))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("native memory");
  }

  @Test
  void copyingNothingCallsNobody() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(8);
      stream.upload(memory, 8, 0, 0);
      stream.download(0, memory, 8, 0);
      stream.copy(0, 0, 0);
      stream.fill(0, (byte) 1, 0);
    }

    assertThat(stub.calls()).doesNotContain("upload", "download", "copy", "fill");
  }

  @Test
  void whatWasCapturedRunsAsAGraph() {
    stream.beginCapture();
    CudaGraph graph = stream.endCapture();
    assertThat(graph.nodes()).isEqualTo(5);
    ExecutableGraph executable = graph.instantiate();
    graph.close();
    executable.launch(stream);
    executable.launch(stream);
    executable.close();

    assertThat(stub.calls())
        .containsSubsequence(
            "beginCapture",
            "endCapture",
            "instantiate",
            "cuGraphDestroy",
            "cuGraphLaunch",
            "cuGraphLaunch",
            "cuGraphExecDestroy");
  }

  @Test
  void capturesDoNotNest() {
    stream.beginCapture();

    assertThatThrownBy(stream::beginCapture)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("capturing");
  }

  @Test
  void noCaptureCannotBeEnded() {
    assertThatThrownBy(stream::endCapture).isInstanceOf(IllegalStateException.class);
    stream.abandonCapture();

    assertThat(stub.calls()).doesNotContain("endCapture");
  }

  @Test
  void anAbandonedCaptureLeavesNothingBehind() {
    stream.beginCapture();
    stream.abandonCapture();

    assertThat(stub.calls()).containsSubsequence("endCapture", "cuGraphDestroy");
    stream.beginCapture();
  }

  @Test
  void aSpoiltCaptureFailsAtItsEndAndLeavesTheStreamUsable() {
    stream.beginCapture();
    stub.spoilCapture();

    assertThatThrownBy(stream::endCapture)
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("CUDA_ERROR_STREAM_CAPTURE_INVALIDATED")
        .hasMessageContaining("outside a capture");
    stream.beginCapture();
    stub.spoilCapture();
    stream.abandonCapture();
    stream.beginCapture();
  }

  @Test
  void aStreamClosedWhileCapturingDropsTheCapture() {
    stream.beginCapture();
    stream.close();

    assertThat(stub.calls()).containsSubsequence("endCapture", "cuGraphDestroy", "cuStreamDestroy");
  }

  @Test
  void aStreamIsGivenBackEvenIfItsCaptureIsNot() {
    stream.beginCapture();
    stub.fail("cuGraphDestroy", 700);

    assertThatThrownBy(stream::close).isInstanceOf(CudaException.class);
    assertThat(stub.calls()).endsWith("cuStreamDestroy");
  }

  @Test
  void eventsOrderAndMeasure() {
    CudaEvent start = context.event(true);
    CudaEvent end = context.event(true);
    start.record(stream);
    stream.await(start);
    end.record(stream);
    end.synchronize();

    assertThat(end.millisSince(start)).isEqualTo(1.5f);
    assertThat(stub.calls())
        .containsSubsequence(
            "cuEventRecord", "cuStreamWaitEvent", "cuEventRecord", "cuEventSynchronize");
  }

  @Test
  void anEventIsPartOfAGraphOnlyWhileOneIsCaptured() {
    CudaEvent event = context.event(true);
    assertThatThrownBy(() -> event.recordInGraph(stream))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("not capturing");
    assertThat(stub.calls()).doesNotContain("cuEventRecordWithFlags");

    stream.beginCapture();
    event.recordInGraph(stream);
    stream.endCapture();

    assertThat(stub.calls())
        .containsSubsequence("beginCapture", "cuEventRecordWithFlags", "endCapture");
  }

  @Test
  void anEventWithoutTimingDoesNotMeasure() {
    CudaEvent timed = context.event(true);
    CudaEvent plain = context.event(false);

    assertThatThrownBy(() -> timed.millisSince(plain)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> plain.millisSince(timed)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void pinnedMemoryIsForEveryThreadUntilItIsClosed() throws InterruptedException {
    context.stream();
    PinnedBuffer pinned = context.pinned(3);
    Thread filler = Thread.ofPlatform().start(() -> pinned.segment().fill((byte) 4));
    filler.join();

    assertThat(pinned.segment().toArray(ValueLayout.JAVA_BYTE)).containsExactly(4, 4, 4);
    pinned.close();
    assertThatThrownBy(() -> pinned.segment().get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
    assertThat(stub.calls()).containsSubsequence("cuStreamSynchronize", "cuMemFreeHost");
  }

  private static byte[] bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }
}
