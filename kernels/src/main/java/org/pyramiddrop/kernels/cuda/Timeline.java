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
 * Puts events between the launches on a stream while a profile is taken, and does nothing at other
 * times. Every launch and copy has to be reported here; the time of one that isn't would be counted
 * with the launch after it.
 */
final class Timeline {
  private static final double MICROS_PER_MILLI = 1000;

  private final Context context;
  private final CudaStream stream;
  private @Nullable EventTrace trace;

  Timeline(Context context, CudaStream stream) {
    this.context = context;
    this.stream = stream;
  }

  /**
   * An empty trace.
   *
   * @param inGraph whether its work is captured, and not done at once
   */
  EventTrace trace(boolean inGraph) {
    return new EventTrace(inGraph ? CudaEvent::recordInGraph : CudaEvent::record);
  }

  /** Reports something that was put on the stream. */
  void launched(String kernel, String grid, Profile.@Nullable Product product) {
    if (trace != null) {
      trace.launched(kernel, grid, product);
    }
  }

  /** Whether a trace is being recorded, so that a report is worth putting together. */
  boolean isTracing() {
    return trace != null;
  }

  /** Events around launches; close it after the graph they are part of. */
  final class EventTrace implements AutoCloseable {
    private record Launch(String kernel, String grid, Profile.@Nullable Product product) {}

    private final BiConsumer<CudaEvent, CudaStream> recorder;

    /** One before the first launch, one behind each, and one more. */
    private final List<CudaEvent> events = new ArrayList<>();

    private final List<Launch> launches = new ArrayList<>();

    private EventTrace(BiConsumer<CudaEvent, CudaStream> recorder) {
      this.recorder = recorder;
    }

    /** Does work, once, with an event behind each of its launches. */
    void record(Runnable work) {
      trace = this;
      try {
        recordEvent();
        work.run();
        recordEvent();
      } finally {
        trace = null;
      }
    }

    private void launched(String kernel, String grid, Profile.@Nullable Product product) {
      launches.add(new Launch(kernel, grid, product));
      recordEvent();
    }

    private void recordEvent() {
      CudaEvent event = context.event(true);
      events.add(event);
      recorder.accept(event, stream);
    }

    /** How long each launch took; the stream has done them all. */
    List<Profile.Launch> launches() {
      List<Profile.Launch> timed = new ArrayList<>();
      for (int i = 0; i < launches.size(); i++) {
        Launch launch = launches.get(i);
        timed.add(new Profile.Launch(launch.kernel, launch.grid, launch.product, micros(i)));
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
