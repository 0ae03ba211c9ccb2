package org.pyramiddrop.bench.load;

import java.util.List;
import java.util.Locale;
import org.pyramiddrop.bench.Document;
import org.pyramiddrop.bench.Document.Section;
import org.pyramiddrop.bench.ResultFile;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.Table;
import tools.jackson.databind.node.ObjectNode;

/**
 * Times of a load, beside those of its two ways.
 *
 * @param bytes of all weights
 * @param resident the share of them that lay in the host's memory before the first load
 * @param firstMillis of the first load
 * @param loads milliseconds of further loads
 * @param reads milliseconds to read the same bytes on the host
 * @param copies milliseconds to copy as many bytes from pinned memory
 */
record LoadReport(
    long bytes, double resident, double firstMillis, Spread loads, Spread reads, Spread copies) {

  /** Which part of the slower way's speed the further loads reach. */
  double share() {
    return Math.max(reads.median(), copies.median()) / loads.median();
  }

  Document document(List<String> facts) {
    Table table = new Table().row("%s GB".formatted(number(bytes / 1e9)), "GB/s", "low", "high");
    row(table, "first load", Spread.of(List.of(firstMillis)));
    row(table, "load again", loads);
    row(table, "reading the same on the host", reads);
    row(table, "copying as much from pinned memory", copies);
    return new Document(
        facts,
        List.of(
            new Section(
                "from files to the device",
                table,
                List.of(
                    "load again: %.0f%% of the slower of reading and copying, medians of %d"
                        .formatted(100 * share(), loads.count()),
                    ("before the first load %.0f%% of the weights lay in memory, so that is how much"
                            + " of it the disk had no part in; the other rows read memory only")
                        .formatted(100 * resident)))));
  }

  private void row(Table table, String name, Spread millis) {
    table.row(name, speed(millis.median()), speed(millis.high()), speed(millis.low()));
  }

  /** GB/s. */
  private String speed(double millis) {
    return number(bytes / millis / 1e6);
  }

  private static String number(double value) {
    int decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  void json(ObjectNode file) {
    file.put("bytes", bytes).put("resident", resident).put("firstMillis", firstMillis);
    ResultFile.spread(file.putObject("loadMillis"), loads);
    ResultFile.spread(file.putObject("readMillis"), reads);
    ResultFile.spread(file.putObject("copyMillis"), copies);
    file.put("share", share());
  }
}
