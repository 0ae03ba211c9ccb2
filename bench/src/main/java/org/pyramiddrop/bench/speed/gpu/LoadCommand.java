package org.pyramiddrop.bench.speed.gpu;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.nio.file.Path;
import java.util.List;
import org.pyramiddrop.bench.model.RepeatedLoad;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.OptionValues;
import org.pyramiddrop.bench.report.ReportingCommand;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.timing.Rounds;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.cuda.DeviceBuffer;
import org.pyramiddrop.cuda.PinnedBuffer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * How fast a checkpoint's weights get to the GPU. Loads, reads on the host and copies from pinned
 * memory take turns, so that what drifts meets all of them.
 */
@Command(
    name = "load",
    description = "Times a checkpoint's way to the GPU beside that of files and bus.",
    showDefaultValues = true)
public final class LoadCommand extends ReportingCommand {
  private static final long PINNED = 64L << 20;

  @Option(names = "--model", required = true)
  private Path model = Path.of("");

  @Option(names = "--runs")
  private int runs = 3;

  @Option(names = "--threads")
  private int threads = Math.min(16, Runtime.getRuntime().availableProcessors());

  @Override
  public Integer call() {
    OptionValues.atLeast(1, "--runs", runs);
    OptionValues.atLeast(1, "--threads", threads);
    checkMarkdown();
    try (RepeatedLoad load = RepeatedLoad.open(model, "cuda")) {
      Result result = measure(load);
      List<String> facts =
          facts(load.device(), "setting: %d threads read on the host".formatted(threads));
      publish(new Document(facts, List.of(result.table())), "load.json", result);
    }
    return 0;
  }

  private Result measure(RepeatedLoad load) {
    double resident = new HostRead(load.stored()).resident();
    RepeatedLoad.Loaded first = load.load();
    HostRead read = new HostRead(first.mapped());
    List<Spread> millis =
        Rounds.of(0, runs)
            .<Double>run(
                List.of(
                    () -> load.load().millis(),
                    () -> read.millis(threads),
                    () -> copyMillis(first.bytes())))
            .stream()
            .map(Spread::of)
            .toList();
    return new Result(
        first.bytes(), resident, first.millis(), millis.get(0), millis.get(1), millis.get(2));
  }

  /** Copies that many bytes of pinned memory to the first GPU and returns the milliseconds. */
  private static double copyMillis(long bytes) {
    long once = Math.clamp(bytes, 1, PINNED);
    try (Context context = Context.open(0);
        CudaStream stream = context.stream();
        PinnedBuffer from = context.pinned(once);
        DeviceBuffer to = context.allocate(once)) {
      from.segment().fill((byte) 1);
      // The first copy sets things up.
      stream.upload(from.segment(), 0, to.address(), once);
      stream.synchronize();
      return Stopwatch.time(() -> {
        for (long left = bytes; left > 0; left -= once) {
          stream.upload(from.segment(), 0, to.address(), Math.min(once, left));
        }
        stream.synchronize();
      });
    }
  }

  /**
   * Times of a load, beside those of its two ways.
   *
   * @param bytes of all weights
   * @param resident the share of them that lay in the host's memory before the first load
   * @param firstMillis of the first load
   * @param loadMillis of further loads
   * @param readMillis to read the same bytes on the host
   * @param copyMillis to copy as many bytes from pinned memory
   */
  record Result(
      long bytes,
      double resident,
      double firstMillis,
      Spread loadMillis,
      Spread readMillis,
      Spread copyMillis) {
    private record Row(String name, Spread millis) {}

    /** Which part of the slower way's speed the further loads reach. */
    @JsonProperty
    double share() {
      return Math.max(readMillis.median(), copyMillis.median()) / loadMillis.median();
    }

    Table<?> table() {
      List<Row> rows =
          List.of(
              new Row("first load", Spread.of(List.of(firstMillis))),
              new Row("load again", loadMillis),
              new Row("reading the same on the host", readMillis),
              new Row("copying as much from pinned memory", copyMillis));
      return new Table<>("from files to the device", rows)
          .column(Numbers.number(bytes / 1e9) + " GB", Row::name)
          .number("GB/s", row -> gigabytesPerSecond(row.millis.median()))
          .number("low", row -> gigabytesPerSecond(row.millis.high()))
          .number("high", row -> gigabytesPerSecond(row.millis.low()))
          .note(
              "load again: %s of the slower of reading and copying, medians of %d"
                  .formatted(Numbers.percent(share()), loadMillis.count()))
          .note(
              ("before the first load %s of the weights lay in memory, so that is how much"
                      + " of it the disk had no part in; the other rows read memory only")
                  .formatted(Numbers.percent(resident)));
    }

    private double gigabytesPerSecond(double millis) {
      return bytes / millis / 1e6;
    }
  }
}
