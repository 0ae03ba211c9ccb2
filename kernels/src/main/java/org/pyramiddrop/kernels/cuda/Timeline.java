package org.pyramiddrop.kernels.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CudaEvent;
import org.pyramiddrop.cuda.CudaException;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.kernels.Profile;

/**
 * Events between what one stream is given, while a profile is taken; at other times it does
 * nothing. Whatever is put on the stream is told here, or its time counts as that of the launch
 * behind it.
 */
final class Timeline {
  private static final double MICROS_PER_MILLI = 1000;

  private final Context context;
  private final CudaStream stream;
  private @Nullable Marks marks;

  Timeline(Context context, CudaStream stream) {
    this.context = context;
    this.stream = stream;
  }

  /**
   * An empty profile.
   *
   * @param inGraph whether its work is captured, and not done at once
   */
  Marks marks(boolean inGraph) {
    return new Marks(inGraph ? CudaEvent::recordInGraph : CudaEvent::record);
  }

  /** Tells of something that was put on the stream. */
  void launched(String kernel, String grid, Profile.@Nullable Product product) {
    if (marks != null) {
      marks.launched(kernel, grid, product);
    }
  }

  /** Whether anybody listens, so that what is told is worth putting together. */
  boolean listens() {
    return marks != null;
  }

  /** Events around launches; none of them may be closed before the graph they are part of. */
  final class Marks implements AutoCloseable {
    private record Told(String kernel, String grid, Profile.@Nullable Product product) {}

    private final BiConsumer<CudaEvent, CudaStream> record;

    /** One before the first launch, one behind each, and one more. */
    private final List<CudaEvent> events = new ArrayList<>();

    private final List<Told> launches = new ArrayList<>();

    private Marks(BiConsumer<CudaEvent, CudaStream> record) {
      this.record = record;
    }

    /** Does work, once, with an event behind each of its launches. */
    void around(Runnable work) {
      marks = this;
      try {
        mark();
        work.run();
        mark();
      } finally {
        marks = null;
      }
    }

    private void launched(String kernel, String grid, Profile.@Nullable Product product) {
      launches.add(new Told(kernel, grid, product));
      mark();
    }

    private void mark() {
      CudaEvent event = context.event(true);
      events.add(event);
      record.accept(event, stream);
    }

    /** How long each launch took; the stream has done them all. */
    List<Profile.Launch> launches() {
      List<Profile.Launch> timed = new ArrayList<>();
      for (int i = 0; i < launches.size(); i++) {
        Told told = launches.get(i);
        timed.add(new Profile.Launch(told.kernel, told.grid, told.product, micros(i)));
      }
      return timed;
    }

    /** How long the two last events are apart, between which there is nothing. */
    double emptyMicros() {
      return micros(launches.size());
    }

    private double micros(int event) {
      return MICROS_PER_MILLI * events.get(event + 1).millisSince(events.get(event));
    }

    /** Closes every event, whatever becomes of the others. */
    @Override
    public void close() {
      CudaException failure = null;
      for (CudaEvent event : events) {
        try {
          event.close();
        } catch (CudaException e) {
          failure = failure == null ? e : failure;
        }
      }
      events.clear();
      if (failure != null) {
        throw failure;
      }
    }
  }
}
