package org.pyramiddrop.transformer;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A listener that notes all it hears of progress, on which thread, and does as a test wants. */
final class Heard implements TokenListener {
  /** What a test does when it hears of progress; false stops the question. */
  @FunctionalInterface
  interface Reaction {
    /** Reacts. */
    boolean to(Phase phase, int done, int total);
  }

  /** One call. */
  record Call(Phase phase, int done, int total, Thread thread) {}

  private final Reaction reaction;
  private final List<Call> calls = new CopyOnWriteArrayList<>();

  Heard(Reaction reaction) {
    this.reaction = reaction;
  }

  @Override
  public boolean onToken(int id, String text) {
    return true;
  }

  @Override
  public boolean onProgress(Phase phase, int done, int total) {
    calls.add(new Call(phase, done, total, Thread.currentThread()));
    return reaction.to(phase, done, total);
  }

  /** How many calls there were so far; any thread may ask. */
  int count() {
    return calls.size();
  }

  /** All calls in order. */
  List<Call> calls() {
    return List.copyOf(calls);
  }

  /** What was done of a phase when it was last heard of, in order. */
  List<Integer> done(Phase phase) {
    return calls.stream().filter(call -> call.phase() == phase).map(Call::done).toList();
  }

  /** What was done of a phase when it was heard of last; 0 if it never was. */
  int last(Phase phase) {
    List<Integer> done = done(phase);
    return done.isEmpty() ? 0 : done.getLast();
  }
}
