package org.pyramiddrop.bench.speed.compare;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
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

  private static final String READING =
      "Milliseconds: median (lowest–highest). Result.Times as fast: their median by ours, in brackets the lowest and highest of any round; below 1 we are slower. In each round every side runs once, begun by another than the round before, with a pause behind each run.";

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
      @Nullable Double ratioOfMedians) {
    static PeerTimes of(Result.Peer peer, Result.Times ours, int row) {
      String said = peer.verdict().said();
      if (peer.times().isEmpty()) {
        return new PeerTimes(false, said, null, null, null);
      }
      Result.Times theirs = peer.times().get();
      Spread millis = theirs.spread(row);
      double ratio = millis.median() / ours.spread(row).median();
      return new PeerTimes(true, said, millis, ours.ratios(row, theirs), ratio);
    }
  }

  static Report of(List<String> versions, int threads, String command, List<Result> results) {
    return new Report(
        versions,
        threads,
        command,
        results.stream().flatMap(Report::operations).toList(),
        results.stream().map(Report::statement).toList());
  }

  private static Stream<Operation> operations(Result result) {
    return Stream.concat(
        operations(result, result.ours(), false),
        result.pruned().stream().flatMap(pruned -> operations(result, pruned, true)));
  }

  private static Stream<Operation> operations(Result result, Result.Times ours, boolean pruned) {
    Comparison comparison = result.comparison();
    List<String> rows = comparison.rows();
    return IntStream.range(0, rows.size())
        .mapToObj(row -> {
          Map<String, PeerTimes> peers = new LinkedHashMap<>();
          result.peers().forEach(peer -> peers.put(peer.name(), PeerTimes.of(peer, ours, row)));
          String name = comparison.name() + (rows.get(row).isEmpty() ? "" : ", " + rows.get(row));
          return new Operation(
              pruned ? name + ", " + ModelComparison.PRUNED : name,
              comparison.dtype().label(),
              pruned,
              ours.spread(row),
              peers);
        });
  }

  Document document(List<String> facts) {
    Table<Operation> table =
        new Table<>("beside PyTorch and Jlama, in turn", operations)
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
    table.note(READING);
    statements.forEach(table::note);
    List<String> all = new ArrayList<>(facts);
    all.add("sides: %s; threads of each: %d".formatted(String.join("; ", peers), threads));
    return new Document(all, List.of(table));
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

  private static String statement(Result result) {
    Comparison comparison = result.comparison();
    StringBuilder line = new StringBuilder();
    line.append(
        "%s, %s: %s."
            .formatted(comparison.name(), comparison.dtype().label(), comparison.statement()));
    for (Result.Peer peer : result.peers()) {
      String differs = !peer.verdict().agrees() ? "not timed, " : "";
      line.append(" %s: %s%s.".formatted(peer.name(), differs, peer.verdict().said()));
    }
    return line.toString();
  }
}
