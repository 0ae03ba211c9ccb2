package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** Requests that join and leave a running decode against the same requests alone. */
final class SchedulerTest {
  private static final SchedulerLimits LIMITS = SchedulerLimits.defaults().withRows(3);

  /** Requests of many lengths, numbers of images and plans, in an order of their own. */
  private static List<Request> mixed(Fixture fixture, Random random) {
    List<Request> requests = new ArrayList<>();
    for (String subject : List.of("oneImage", "twoImages", "textOnly")) {
      for (PruningPlan plan :
          List.of(
              PruningPlan.none(),
              PruningPlan.pyramid(3, 0.5),
              PruningPlan.parse("visionzip:7+3,fastv:2:.5"))) {
        Options options =
            Options.defaults()
                .withPruning(plan)
                .withMaxTokens(1 + random.nextInt(12))
                .withSampling(
                    random.nextBoolean()
                        ? Sampling.greedy()
                        : Sampling.of(1.5, 0.9, random.nextInt()));
        requests.add(new Request(fixture.question(subject), options));
      }
    }
    Collections.shuffle(requests, random);
    return requests;
  }

  private static void assertSame(Answer answer, Answer alone) {
    assertThat(answer.tokenIds()).isEqualTo(alone.tokenIds());
    assertThat(answer.text()).isEqualTo(alone.text());
    assertThat(answer.finish()).isEqualTo(alone.finish());
    assertThat(answer.stages()).isEqualTo(alone.stages());
    assertThat(answer.cuts()).isEqualTo(alone.cuts());
    assertThat(answer.kvBytes()).isEqualTo(alone.kvBytes());
  }

  @Test
  void answersAreThoseOfRequestsAskedAlone() {
    long seed = new Random().nextLong();
    try (Fixture fixture = new Fixture("gqa-bfloat16-sharded");
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Scheduler scheduler = model.scheduler(LIMITS)) {
      List<Request> requests = mixed(fixture, new Random(seed));
      List<Submission> submitted = requests.stream().map(scheduler::submit).toList();
      for (int i = 0; i < requests.size(); i++) {
        Request request = requests.get(i);
        assertSame(
            submitted.get(i).answer().join(), model.ask(request.question(), request.options()));
      }
      assertThat(scheduler.load()).isEqualTo(new SchedulerLoad(0, 0, 0));
    } catch (AssertionError e) {
      throw new AssertionError("seed " + seed, e);
    }
  }

  /** Notes a name at each token. */
  private static TokenListener noting(String name, List<String> order) {
    return (id, text) -> {
      order.add(name);
      return true;
    };
  }

  @Test
  void requestsJoinOneByOneBetweenTheStepsOfOthers() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Scheduler scheduler = model.scheduler(LIMITS)) {
      Request longer = request(fixture, 24);
      Request shorter = request(fixture, 3);
      List<String> order = Collections.synchronizedList(new ArrayList<>());
      List<Submission> joined = new ArrayList<>();
      Submission first =
          scheduler.submit(
              longer,
              (id, text) -> {
                order.add("long");
                if (joined.isEmpty()) {
                  joined.add(scheduler.submit(shorter, noting("second", order)));
                  joined.add(scheduler.submit(shorter, noting("third", order)));
                }
                return true;
              });
      assertSame(first.answer().join(), model.ask(longer.question(), longer.options()));
      Answer alone = model.ask(shorter.question(), shorter.options());
      joined.forEach(submission -> assertSame(submission.answer().join(), alone));
      // Each prompt that was let in held up one step of the running requests, and no more.
      assertThat(order.subList(0, 11))
          .containsExactly(
              "long", "long", "second", "long", "second", "third", "long", "second", "third",
              "long", "third");
      assertThat(order).hasSize(30);
    }
  }

  @Test
  void nobodyIsOvertakenNotByThoseThatMemoryHasRoomForNow() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options())) {
      Request small = request(fixture, 3);
      Request large = request(fixture, 200);
      long bytes = model.ask(large.question(), large.options(), (id, text) -> false).kvBytes();
      // A small one would fit beside another, a large one only alone.
      try (Scheduler scheduler = model.scheduler(new SchedulerLimits(3, 8, bytes))) {
        List<String> order = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch submitted = new CountDownLatch(1);
        List<Submission> all = new ArrayList<>();
        all.add(
            scheduler.submit(
                small,
                (id, text) -> {
                  awaitQuietly(submitted);
                  order.add("first");
                  return true;
                }));
        all.add(
            scheduler.submit(
                large,
                (id, text) -> {
                  order.add("large");
                  return order.size() < 6;
                }));
        all.add(scheduler.submit(small, noting("third", order)));
        all.add(scheduler.submit(small, noting("fourth", order)));
        submitted.countDown();
        all.forEach(submission -> submission.answer().join());
        assertThat(order)
            .containsExactly(
                "first", "first", "first", "large", "large", "large", "third", "third", "fourth",
                "third", "fourth", "fourth");
      }
    }
  }

  private static Request request(Fixture fixture, int tokens) {
    return new Request(
        fixture.question("oneImage"),
        Options.defaults().withPruning(PruningPlan.pyramid(3, 0.5)).withMaxTokens(tokens));
  }

  @Test
  void neverMoreRunsOrWaitsThanMay() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options())) {
      Request request = request(fixture, 6);
      Answer alone = model.ask(request.question(), request.options());
      long bytes = alone.kvBytes();
      // Two may run: once for want of memory, once for want of rows.
      for (SchedulerLimits limits :
          List.of(
              new SchedulerLimits(3, 4, 2 * bytes + bytes / 2),
              new SchedulerLimits(2, 4, 9 * bytes))) {
        try (Scheduler scheduler = model.scheduler(limits)) {
          assertThat(mostRunning(scheduler, limits, request, alone)).as("%s", limits).isEqualTo(2);
        }
      }
      try (Scheduler small = model.scheduler(LIMITS.withKeyValueBytes(bytes - 1))) {
        assertThatThrownBy(() -> small.submit(request))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("bytes for keys and values");
      }
    }
  }

  /** How many run at most when as many are submitted as may, and one more is refused. */
  private static int mostRunning(
      Scheduler scheduler, SchedulerLimits limits, Request request, Answer alone) {
    CountDownLatch full = new CountDownLatch(1);
    AtomicInteger most = new AtomicInteger();
    TokenListener watching =
        (id, text) -> {
          awaitQuietly(full);
          SchedulerLoad load = scheduler.load();
          most.accumulateAndGet(load.running(), Math::max);
          assertThat(load.keyValueBytes()).isEqualTo(load.running() * alone.kvBytes());
          return true;
        };
    List<Submission> taken = new ArrayList<>();
    taken.add(scheduler.submit(request, watching));
    while (scheduler.load().running() == 0) {
      Thread.onSpinWait();
    }
    for (int i = 0; i < limits.waiting(); i++) {
      taken.add(scheduler.submit(request, watching));
    }
    assertThatThrownBy(() -> scheduler.submit(request))
        .isInstanceOf(QueueFullException.class)
        .hasMessage("the queue is full, with 4 waiting; ask again later");
    full.countDown();
    taken.forEach(submission -> assertSame(submission.answer().join(), alone));
    return most.get();
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void cancelledRequestsLeaveTheOthersAlone() {
    try (Fixture fixture = new Fixture("gqa-bfloat16-sharded");
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Scheduler scheduler = model.scheduler(LIMITS.withRows(2))) {
      Request request = request(fixture, 12);
      Submission[] all = new Submission[4];
      CountDownLatch submitted = new CountDownLatch(1);
      AtomicInteger told = new AtomicInteger();
      all[0] = scheduler.submit(request);
      all[1] =
          scheduler.submit(
              request,
              (id, text) -> {
                awaitQuietly(submitted);
                if (told.incrementAndGet() == 3) {
                  all[1].cancel();
                  // One that waits has left before its turn comes.
                  int waiting = scheduler.load().waiting();
                  all[3].cancel();
                  assertThat(all[3].answer()).isDone();
                  assertThat(scheduler.load().waiting()).isEqualTo(waiting - 1);
                }
                return true;
              });
      all[2] = scheduler.submit(request);
      all[3] = scheduler.submit(request);
      submitted.countDown();
      Answer alone = model.ask(request.question(), request.options());
      assertSame(all[0].answer().join(), alone);
      assertSame(all[2].answer().join(), alone);
      Answer cancelled = all[1].answer().join();
      assertThat(cancelled.finish()).isEqualTo(Finish.CANCELLED);
      assertThat(cancelled.tokenIds()).isEqualTo(alone.tokenIds().subList(0, 4));
      assertThatThrownBy(() -> all[3].answer().join())
          .hasRootCauseInstanceOf(CancellationException.class);
      // Too late.
      all[0].cancel();
      assertSame(all[0].answer().join(), alone);
    }
  }

  @Test
  void aListenerThatThrowsFailsItsOwnRequestAlone() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Scheduler scheduler = model.scheduler(LIMITS)) {
      Request request = request(fixture, 6);
      AtomicInteger told = new AtomicInteger();
      Submission thrown =
          scheduler.submit(
              request,
              (id, text) -> {
                if (told.incrementAndGet() == 2) {
                  throw new IllegalStateException("listener");
                }
                return true;
              });
      Runnable close = scheduler::close;
      Submission closing =
          scheduler.submit(
              request,
              (id, text) -> {
                close.run();
                return true;
              });
      Submission good = scheduler.submit(request);
      assertThatThrownBy(() -> thrown.answer().join())
          .isInstanceOf(CompletionException.class)
          .hasRootCauseMessage("listener");
      assertThatThrownBy(() -> closing.answer().join())
          .hasRootCauseMessage(
              "a listener can't close the scheduler; return false and close it after");
      assertSame(good.answer().join(), model.ask(request.question(), request.options()));
    }
  }

  @Test
  void aRequestThatCannotBeAskedIsRefusedAtOnce() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Scheduler scheduler = model.scheduler(LIMITS)) {
      Request bad = new Request(Question.raw("<image> and no image"), Options.defaults());
      assertThatThrownBy(() -> scheduler.submit(bad))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("1 <image> place for 0 images");
      assertThat(scheduler.load()).isEqualTo(new SchedulerLoad(0, 0, 0));
    }
  }

  @Test
  void closingEndsWhatRunsAndWaits() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options())) {
      Scheduler scheduler = model.scheduler(LIMITS.withRows(1));
      CountDownLatch begun = new CountDownLatch(1);
      Submission running =
          scheduler.submit(
              request(fixture, 100),
              (id, text) -> {
                begun.countDown();
                return true;
              });
      Submission waiting = scheduler.submit(request(fixture, 1));
      awaitQuietly(begun);
      scheduler.close();
      assertThat(running.answer()).isDone();
      assertThatThrownBy(() -> waiting.answer().join())
          .hasRootCauseInstanceOf(CancellationException.class);
      assertThatThrownBy(() -> scheduler.submit(request(fixture, 1)))
          .hasMessage("the scheduler is closed");
      scheduler.close();
    }
  }

  @Test
  void aModelThatClosesEndsItsSchedulersRequests() {
    try (Fixture fixture = new Fixture("mha-float32")) {
      Llava model = Llava.load(fixture.folder(), TestDevice.options());
      Scheduler scheduler = model.scheduler(LIMITS.withRows(1));
      CountDownLatch begun = new CountDownLatch(1);
      Submission running =
          scheduler.submit(
              request(fixture, 100),
              (id, text) -> {
                begun.countDown();
                return true;
              });
      Submission waiting = scheduler.submit(request(fixture, 1));
      awaitQuietly(begun);
      model.close();
      for (Submission submission : List.of(running, waiting)) {
        assertThatThrownBy(() -> submission.answer().join())
            .hasRootCauseMessage("the model is closed");
      }
      assertThatThrownBy(() -> scheduler.submit(request(fixture, 1)))
          .hasMessage("the model is closed");
      scheduler.close();
    }
  }
}
