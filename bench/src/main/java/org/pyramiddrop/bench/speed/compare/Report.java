package org.pyramiddrop.bench.speed.compare;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;

/**
 * Results of a comparison as a table, with a plain statement of what was compared.
 *
 * @param peers versions of the other sides
 * @param operations a row of the table each; pruned runs have rows of their own
 * @param statements what was the same, and how near the outputs were
 */
record Report(
    List<String> peers,
    int threads,
    String command,
    List<Operation> operations,
    List<String> statements) {
  private static final String NOTHING = "–";

  /**
   * A row of the table.
   *
   * @param pruned whether ours did less work than the others
   */
  record Operation(
      String name, String dtype, boolean pruned, Spread oursMillis, Map<String, PeerTimes> peers) {}

  /**
   * Another side, in one row.
   *
   * @param right whether its output is; if not, it has no times
   * @param said what was found about its output
   * @param timesAsFast how many times as fast we are, round by round
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record PeerTimes(
      boolean right,
      String said,
      @Nullable Spread millis,
      @Nullable Spread timesAsFast,
      @Nullable Double ratioOfMedians) {}

  static Report of(List<String> versions, int threads, String command, List<Result> results) {
    return new Report(
        versions,
        threads,
        command,
        results.stream().flatMap(Result::operations).toList(),
        results.stream().map(Result::statement).toList());
  }

  Document document(List<String> facts) {
    Table<Operation> table =
        new Table<>("beside other libraries, in turn", operations)
            .column("operation", Operation::name)
            .column("weights", Operation::dtype)
            .column("rounds", operation -> operation.oursMillis().count())
            .column("ours", operation -> Numbers.spread(operation.oursMillis()));
    operations.stream()
        .flatMap(operation -> operation.peers().keySet().stream())
        .distinct()
        .forEach(peer ->
            table
                .column(peer, operation -> millis(operation.peers().get(peer)))
                .column("times as fast", operation -> ratio(operation.peers().get(peer))));
    table.note(
        "Milliseconds: median (lowest–highest). Times as fast: their median by ours, in brackets the lowest and highest of any round; below 1 we are slower. In each round every side runs once, begun by another than the round before, with a pause behind each run.");
    statements.forEach(table::note);
    String sides = "sides: %s; threads of each: %d".formatted(String.join("; ", peers), threads);
    return new Document(Stream.concat(facts.stream(), Stream.of(sides)).toList(), List.of(table));
  }

  private static String millis(@Nullable PeerTimes peer) {
    return peer == null
        ? NOTHING
        : Optional.ofNullable(peer.millis()).map(Numbers::spread).orElse("output differs");
  }

  private static String ratio(@Nullable PeerTimes peer) {
    return peer == null || peer.timesAsFast() == null || peer.ratioOfMedians() == null
        ? NOTHING
        : "%s (%s)"
            .formatted(Numbers.ratio(peer.ratioOfMedians()), Numbers.ratios(peer.timesAsFast()));
  }
}
