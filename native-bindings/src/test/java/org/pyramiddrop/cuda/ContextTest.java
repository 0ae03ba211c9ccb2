package org.pyramiddrop.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class ContextTest {
  private static final int ILLEGAL_ADDRESS = 700;

  private StubDriver stub;

  @BeforeEach
  void useStub() {
    stub = new StubDriver();
  }

  @Test
  void theDeviceIsDescribed() {
    try (Context context = Context.open(0)) {
      assertThat(context.deviceName()).isEqualTo("Stub 7");
      assertThat(context.computeCapability()).isEqualTo(90);
      assertThat(context.driverVersion()).isEqualTo(13_000);
      assertThat(context.multiprocessors()).isEqualTo(132);
      assertThat(context.maxSharedBytes()).isEqualTo(232_448);
      assertThat(context.totalBytes()).isEqualTo(80L << 30);
      assertThat(context.freeBytes()).isEqualTo(20L << 30);
    }
  }

  @Test
  void closingClosesWhatIsOpenNewestFirstAndOnce() {
    Context context = Context.open(0);
    CudaStream stream = context.stream();
    DeviceBuffer closedBefore = context.allocate(1);
    context.event(false);
    context.pinned(1);
    closedBefore.close();
    assertThat(context.openResources()).isEqualTo(3);

    context.close();
    context.close();
    stream.close();
    closedBefore.close();

    assertThat(stub.openHandles()).isZero();
    assertThat(stub.calls())
        .filteredOn(call -> !call.equals("cuStreamSynchronize"))
        .containsExactly(
            "retain",
            "current",
            "cuStreamCreate",
            "cuMemAlloc",
            "plainEvent",
            "cuMemHostAlloc",
            "cuMemFree",
            "cuMemFreeHost",
            "cuEventDestroy",
            "cuStreamDestroy",
            "uncurrent",
            "release");
  }

  @Test
  void closingWaitsForTheGpuBeforeItFreesAnything() {
    Context context = Context.open(0);
    context.stream();
    context.allocate(1);

    context.close();

    assertThat(stub.calls()).containsSubsequence("cuStreamSynchronize", "cuMemFree", "release");
  }

  @Test
  void aFaultWhileClosingLeaksNothing() {
    Context context = Context.open(0);
    context.allocate(1);
    context.event(true);
    context.stream();
    stub.fail("cuEventDestroy", ILLEGAL_ADDRESS);

    assertThatThrownBy(context::close)
        .isInstanceOf(CudaException.class)
        .hasMessageStartingWith("cuEventDestroy failed with CUDA_ERROR_ILLEGAL_ADDRESS");

    assertThat(stub.openHandles()).isZero();
    assertThat(stub.calls()).endsWith("release");
  }

  @Test
  void aContextThatCannotBeMadeCurrentIsGivenBack() {
    stub.fail("current", ILLEGAL_ADDRESS);

    assertThatThrownBy(() -> Context.open(0)).isInstanceOf(CudaException.class);

    assertThat(stub.openHandles()).isZero();
  }

  @Test
  void runningOutOfMemoryNamesWhatWasAskedForAndWhatWasFree() {
    try (Context context = Context.open(0)) {
      CudaException failure =
          catchThrowableOfType(CudaException.class, () -> context.allocate(100L << 30));

      assertThat(failure.isOutOfMemory()).isTrue();
      assertThat(failure.code()).isEqualTo(2);
      assertThat(failure)
          .hasMessageStartingWith("cuMemAlloc failed with CUDA_ERROR_OUT_OF_MEMORY: out of memory")
          .hasMessageContaining("100.0 GiB asked for, 20.0 GiB of 80.0 GiB free")
          .hasMessageContaining("ask for less");
      assertThat(context.openResources()).isZero();
    }
  }

  @Test
  void aBufferOfNothingIsRefused() {
    try (Context context = Context.open(0)) {
      assertThatThrownBy(() -> context.allocate(0)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> context.pinned(-1)).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void whatIsClosedSaysSoByName() {
    try (Context context = Context.open(0)) {
      DeviceBuffer buffer = context.allocate(3 << 20);
      CudaStream stream = context.stream();
      buffer.close();
      stream.close();

      assertThatThrownBy(buffer::address)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("the device buffer of 3.0 MiB is closed");
      assertThatThrownBy(stream::synchronize).hasMessage("the stream is closed");
      assertThatThrownBy(() -> context.event(false).record(stream))
          .hasMessage("the stream is closed");
    }
  }

  @Test
  void aClosedContextTakesWhatCameFromItAlong() {
    Context context = Context.open(0);
    CudaStream stream = context.stream();
    context.close();

    assertThatThrownBy(stream::synchronize).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(context::stream).hasMessage("the CUDA context is closed");
  }

  @Test
  void anotherThreadIsToldWhoOwnsTheContext() throws InterruptedException, ExecutionException {
    try (Context context = Context.open(0)) {
      CudaStream stream = context.stream();
      FutureTask<Throwable> using = new FutureTask<>(() -> catchThrowable(stream::synchronize));
      FutureTask<Throwable> cleanup = new FutureTask<>(() -> catchThrowable(stream::close));
      Thread.ofPlatform()
          .name("intruder")
          .start(() -> {
            using.run();
            cleanup.run();
          });

      assertThat(using.get())
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "the CUDA context belongs to thread %s, and thread intruder may not use it",
              Thread.currentThread().getName());
      assertThat(cleanup.get()).isInstanceOf(IllegalStateException.class);
      stream.synchronize();
    }
  }

  @Test
  void aVirtualThreadCannotOwnAContext() throws InterruptedException, ExecutionException {
    FutureTask<Throwable> opening = new FutureTask<>(() -> catchThrowable(() -> Context.open(0)));
    Thread.ofVirtual().start(opening);

    assertThat(opening.get())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("platform thread");
    assertThat(stub.openHandles()).isZero();
  }
}
