package org.pyramiddrop.transformer.engine;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * What a sequence's decode steps read and write on the device, and the step, recorded when it is
 * first run. Only the caches' room depends on a prompt's length, so runners for prompts of other
 * lengths may hold the same state and use it one after another.
 */
final class DecodeState implements AutoCloseable {
  private final Kernels kernels;
  private final Decoder decoder;
  private final Schedule schedule;
  private final int[] room;
  private final Resources owned = new Resources();
  private final Tensor controls;

  /** One number a token of the vocabulary, read where repetitions are penalised. */
  private final Indices seen;

  private final Tensor logits;
  private final NextToken next;
  private final KeyValueCache cache;
  private @Nullable Recording step;
  private int holders = 1;
  private @Nullable SequenceRunner user;

  /**
   * Takes the memory, for the one who holds it first.
   *
   * @param room tokens that each layer's cache has room for
   */
  DecodeState(Kernels kernels, Decoder decoder, Schedule schedule, int[] room) {
    this.kernels = kernels;
    this.decoder = decoder;
    this.schedule = schedule;
    this.room = room.clone();
    try {
      controls = owned.add(kernels.allocate(DType.FLOAT32, 1, 5));
      seen = owned.add(kernels.indices(new int[decoder.vocabulary()]));
      logits = owned.add(kernels.allocate(DType.FLOAT32, 1, decoder.vocabulary()));
      next = owned.add(new NextToken(kernels, schedule));
      cache = owned.add(decoder.allocateCache(room));
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  boolean isFree() {
    return user == null;
  }

  /** Whether nobody uses it and it has just this room. */
  boolean isFreeFor(Schedule schedule, int[] room) {
    return isFree() && this.schedule.equals(schedule) && Arrays.equals(this.room, room);
  }

  /** The same, for one more who holds it. */
  DecodeState shared() {
    holders++;
    return this;
  }

  /** Keeps all others from using it. */
  void use(SequenceRunner runner) {
    if (user != null && user != runner) {
      throw new IllegalStateException("another sequence's decode state");
    }
    user = runner;
  }

  /** Lets others use it, if this one did. */
  void leave(SequenceRunner runner) {
    if (user == runner) {
      user = null;
    }
  }

  KeyValueCache cache() {
    return cache;
  }

  Tensor logits() {
    return logits;
  }

  /** The token that was chosen last. */
  NextToken next() {
    return next;
  }

  /** Says how the next token is chosen. */
  void setControls(Sampler sampler) {
    kernels.upload(sampler.next(), controls);
  }

  /** Says which tokens the sequence has, where repetitions are penalised. */
  void setSeen(int[] tokens) {
    kernels.upload(tokens, seen);
  }

  /** Chooses a token from the logits. */
  void sample() {
    kernels.sample(logits, seen, controls, next.id());
  }

  Decoder.Step inputs() {
    return new Decoder.Step(next, schedule, cache, logits);
  }

  /** Runs the token that was chosen last, and chooses the one after it. */
  void takeStep() {
    if (step == null) {
      step = owned.add(kernels.runAndRecord(this::nextToken));
    } else {
      step.run();
    }
  }

  void nextToken() {
    decoder.decode(List.of(inputs()));
    sample();
  }

  /** Frees it, if nobody else holds it. */
  @Override
  public void close() {
    holders--;
    if (holders == 0) {
      owned.close();
    }
  }
}
