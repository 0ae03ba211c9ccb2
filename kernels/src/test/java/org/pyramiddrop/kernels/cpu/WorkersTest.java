package org.pyramiddrop.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class WorkersTest {
  @Test
  void runsEachTaskOnceAndReturnsWhenAllAreDone() {
    for (int count : new int[] {1, 2, 3}) {
      try (Workers workers = new Workers(count)) {
        assertThat(workers.count()).isEqualTo(count);
        for (int tasks = 0; tasks < 300; tasks++) {
          AtomicIntegerArray runs = new AtomicIntegerArray(300);
          AtomicIntegerArray busy = new AtomicIntegerArray(count);
          AtomicInteger clashes = new AtomicInteger();
          workers.run(
              tasks,
              (task, worker) -> {
                clashes.addAndGet(busy.getAndIncrement(worker));
                runs.incrementAndGet(task);
                busy.decrementAndGet(worker);
              });
          for (int task = 0; task < 300; task++) {
            assertThat(runs.get(task)).isEqualTo(task < tasks ? 1 : 0);
          }
          assertThat(clashes.get()).as("two tasks at once as one worker").isZero();
        }
      }
    }
  }

  @Test
  void runsTasksAtTheSameTimeAndWaitsForTheSlowest() {
    try (Workers workers = new Workers(2)) {
      CountDownLatch both = new CountDownLatch(2);
      AtomicInteger met = new AtomicInteger();
      workers.run(
          2,
          (task, worker) -> {
            both.countDown();
            boolean bothCame = await(both);
            if (worker != 0) {
              LockSupport.parkNanos(50_000_000);
            }
            met.addAndGet(bothCame ? 1 : 0);
          });
      assertThat(met.get()).isEqualTo(2);
    }
  }

  @Test
  void waitsForNoThreadThatHasNotCome() {
    CountDownLatch late = new CountDownLatch(1);
    ThreadFactory threads =
        work ->
            Thread.ofPlatform()
                .daemon()
                .unstarted(() -> {
                  await(late);
                  work.run();
                });
    try (Workers workers = new Workers(2, threads)) {
      AtomicIntegerArray runs = new AtomicIntegerArray(300);
      workers.run(300, (task, worker) -> runs.addAndGet(task, 1 + worker));
      for (int task = 0; task < 300; task++) {
        assertThat(runs.get(task)).isOne();
      }
      late.countDown();
      // It comes to the next job.
      CountDownLatch both = new CountDownLatch(2);
      AtomicInteger met = new AtomicInteger();
      workers.run(
          2,
          (task, worker) -> {
            both.countDown();
            met.addAndGet(await(both) ? 1 : 0);
          });
      assertThat(met.get()).isEqualTo(2);
    }
  }

  private static boolean await(CountDownLatch latch) {
    try {
      return latch.await(20, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void wakesThreadsThatSleep() throws InterruptedException {
    try (Workers workers = new Workers(2)) {
      for (int i = 0; i < 3; i++) {
        Thread.sleep(30);
        CountDownLatch both = new CountDownLatch(2);
        workers.run(
            2,
            (task, worker) -> {
              both.countDown();
              assertThat(await(both)).isTrue();
            });
      }
    }
  }

  @Test
  void passesOnATasksExceptionAndGoesOn() {
    for (int count : new int[] {1, 2, 3}) {
      try (Workers workers = new Workers(count)) {
        for (int round = 0; round < 20; round++) {
          int bad = round;
          assertThatExceptionOfType(IllegalArgumentException.class)
              .isThrownBy(() -> workers.run(20, (task, worker) -> failAt(task, bad)))
              .withMessage("task " + bad);
          assertThatExceptionOfType(StackOverflowError.class)
              .isThrownBy(() ->
                  workers.run(
                      20,
                      (task, worker) -> {
                        throw new StackOverflowError();
                      }));
          AtomicInteger sum = new AtomicInteger();
          workers.run(20, (task, worker) -> sum.addAndGet(task));
          assertThat(sum.get()).isEqualTo(190);
        }
      }
    }
  }

  private static void failAt(int task, int bad) {
    if (task == bad) {
      throw new IllegalArgumentException("task " + task);
    }
  }

  @Test
  void closesTwiceAndThenRefusesWork() {
    Workers workers = new Workers(2);
    workers.run(5, (task, worker) -> {});
    workers.close();
    workers.close();
    assertThatIllegalStateException().isThrownBy(() -> workers.run(1, (task, worker) -> {}));
  }

  @Test
  void endsItsThreadsWhenClosedByAnInterruptedThread() {
    Workers workers = new Workers(2);
    Thread.currentThread().interrupt();
    workers.close();
    assertThat(Thread.interrupted()).as("still interrupted").isTrue();
  }

  @Test
  void refusesNoThreads() {
    assertThatIllegalArgumentException().isThrownBy(() -> new Workers(0));
    assertThatThrownBy(() -> new Workers(-3)).hasMessage("threads must be at least 1, not -3");
  }
}
