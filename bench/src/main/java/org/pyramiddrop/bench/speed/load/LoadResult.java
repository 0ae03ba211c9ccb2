package org.pyramiddrop.bench.speed.load;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;

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
record LoadResult(
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
