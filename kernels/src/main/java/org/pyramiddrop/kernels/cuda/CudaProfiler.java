package org.pyramiddrop.kernels.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CudaEvent;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.kernels.Profile;

/** Times the launches of a recording, on the thread that owns the GPU. */
final class CudaProfiler {
  private static final double MICROS_PER_MILLI = 1000;

  private final Context context;
  private final CudaStream stream;
  private final Timeline timeline;
  private final Function<Runnable, CudaRecording> capture;

  /**
   * Profiles what one stream is given.
   *
   * @param timeline knows of every launch on the stream
   * @param capture makes a graph of work
   */
  CudaProfiler(
      Context context,
      CudaStream stream,
      Timeline timeline,
      Function<Runnable, CudaRecording> capture) {
    this.context = context;
    this.stream = stream;
    this.timeline = timeline;
    this.capture = capture;
  }

  /**
   * Profiles work, which runs three times for each profile.
   *
   * @param plain its recording
   */
  List<Profile> profile(CudaRecording plain, Runnable work, Profile.Order order, int runs) {
    List<Profile> profiles = new ArrayList<>();
    try (CudaEvent start = context.event(true);
        CudaEvent end = context.event(true)) {
      ProfiledRun run = new ProfiledRun(plain, start, end);
      switch (order) {
        case GRAPH -> {
          try (Timeline.EventTrace trace = timeline.trace(true);
              CudaRecording traced = capture.apply(() -> trace.record(work))) {
            for (int i = 0; i < runs; i++) {
              profiles.add(run.profile(order, traced::run, trace));
            }
          }
        }
        case STREAM -> {
          for (int i = 0; i < runs; i++) {
            try (Timeline.EventTrace trace = timeline.trace(false)) {
              profiles.add(run.profile(order, () -> trace.record(work), trace));
            }
          }
        }
      }
    }
    return profiles;
  }

  private final class ProfiledRun {
    private final CudaRecording plain;
    private final CudaEvent start;
    private final CudaEvent end;

    ProfiledRun(CudaRecording plain, CudaEvent start, CudaEvent end) {
      this.plain = plain;
      this.start = start;
      this.end = end;
    }

    Profile profile(Profile.Order order, Runnable traced, Timeline.EventTrace trace) {
      // While this runs, the host hands over the rest, so that the GPU doesn't wait for it.
      plain.run();
      start.record(stream);
      plain.run();
      end.record(stream);
      traced.run();
      stream.synchronize();
      return new Profile(
          order, MICROS_PER_MILLI * end.millisSince(start), trace.emptyMicros(), trace.launches());
    }
  }
}
