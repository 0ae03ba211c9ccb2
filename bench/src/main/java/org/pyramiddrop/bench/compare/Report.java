package org.pyramiddrop.bench.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.ResultFile;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.Table;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Results of a comparison as a table, with a plain statement of what was compared.
 *
 * @param versions of the other sides
 * @param threads of each side
 * @param command what measured
 */
record Report(
    Machine machine, List<String> versions, int threads, String command, List<Result> results) {
  private static final String NOTHING = "–";

  private static final String READING =
      "Milliseconds: median (lowest–highest). Times as fast: their median by ours, in brackets the lowest and highest of any round; below 1 we are slower. In each round every side runs once, ours first, with a pause behind each run.";

  /** Keeps its own copies of the lists. */
  Report {
    versions = List.copyOf(versions);
    results = List.copyOf(results);
  }

  /** For a terminal. */
  List<String> text() {
    List<String> lines = new ArrayList<>();
    lines.add(machine.toString());
    lines.add(sides());
    lines.addAll(table().lines());
    lines.add(READING);
    lines.addAll(statements());
    return lines;
  }

  /** For {@code bench/results}. */
  List<String> markdown() {
    List<String> lines = new ArrayList<>();
    lines.add("# Beside PyTorch and Jlama, in turn");
    lines.add("");
    lines.add("`" + command + "` on " + machine + "; " + sides() + ".");
    lines.add("");
    lines.addAll(table().markdown());
    lines.add("");
    lines.add(READING);
    lines.add("");
    lines.add("What was compared:");
    lines.add("");
    statements().forEach(line -> lines.add("- " + line));
    return lines;
  }

  private String sides() {
    return String.join("; ", versions)
        + "; %d thread%s a side".formatted(threads, threads == 1 ? "" : "s");
  }

  private List<String> peers() {
    return results.stream()
        .flatMap(result -> result.peers().stream().map(Result.Peer::name))
        .distinct()
        .toList();
  }

  private Table table() {
    List<String> head = new ArrayList<>(List.of("operation", "weights", "rounds", "ours"));
    peers().forEach(peer -> head.addAll(List.of(peer, "times as fast")));
    Table table = new Table().row(head.toArray(String[]::new));
    for (Result result : results) {
      List<String> rows = result.contest().rows();
      for (int row = 0; row < rows.size(); row++) {
        addRow(table, result, row, name(result, row, ""), result.ours());
      }
      for (Result.Lighter lighter : result.lighter()) {
        for (int row = 0; row < rows.size(); row++) {
          addRow(table, result, row, name(result, row, lighter.name()), lighter.times());
        }
      }
    }
    return table;
  }

  private void addRow(Table table, Result result, int row, String name, Times ours) {
    List<String> cells = new ArrayList<>();
    cells.add(name);
    cells.add(result.contest().dtype().label());
    cells.add(String.valueOf(ours.rounds().size()));
    cells.add(millis(ours.spread(row)));
    for (String peer : peers()) {
      cells.addAll(
          result
              .peer(peer)
              .map(found ->
                  found
                      .times()
                      .map(theirs -> cells(ours, theirs, row))
                      .orElseGet(() -> notTimed(result)))
              .orElse(List.of(NOTHING, NOTHING)));
    }
    table.row(cells.toArray(String[]::new));
  }

  private static List<String> cells(Times ours, Times theirs, int row) {
    double ratio = theirs.spread(row).median() / ours.spread(row).median();
    Spread ratios = ours.ratios(row, theirs);
    return List.of(
        millis(theirs.spread(row)),
        String.format(Locale.ROOT, "%.2f (%.2f–%.2f)", ratio, ratios.low(), ratios.high()));
  }

  private static List<String> notTimed(Result result) {
    String why =
        switch (result.contest()) {
          case LinearContest _ -> "wrong result";
          case LayerContest _, ModelContest _ -> "outputs differ";
        };
    return List.of(why, NOTHING);
  }

  private static String name(Result result, int row, String lighter) {
    String part = result.contest().rows().get(row);
    return result.contest().name()
        + (part.isEmpty() ? "" : ", " + part)
        + (lighter.isEmpty() ? "" : ", " + lighter);
  }

  private static String millis(Spread spread) {
    String digits = spread.median() < 10 ? "%.2f (%.2f–%.2f)" : "%.1f (%.1f–%.1f)";
    return String.format(Locale.ROOT, digits, spread.median(), spread.low(), spread.high());
  }

  /** One a contest: what was the same, and how near the outputs were. */
  private List<String> statements() {
    List<String> lines = new ArrayList<>();
    for (Result result : results) {
      Contest contest = result.contest();
      StringBuilder line = new StringBuilder();
      line.append(
          "%s, %s: %s.".formatted(contest.name(), contest.dtype().label(), contest.statement()));
      for (Result.Peer peer : result.peers()) {
        String verdict =
            switch (peer.verdict()) {
              case Verdict.Agrees agrees -> agrees.said();
              case Verdict.Differs differs -> "not timed, " + differs.said();
            };
        line.append(" %s: %s.".formatted(peer.name(), verdict));
      }
      lines.add(line.toString());
    }
    return lines;
  }

  /** For other programs. */
  void json(ObjectNode file) {
    ArrayNode sides = file.putArray("peers");
    versions.forEach(sides::add);
    file.put("threads", threads).put("command", command);
    ArrayNode list = file.putArray("operations");
    for (Result result : results) {
      List<String> rows = result.contest().rows();
      for (int row = 0; row < rows.size(); row++) {
        ObjectNode entry = list.addObject();
        entry.put("name", name(result, row, "")).put("dtype", result.contest().dtype().label());
        ResultFile.spread(entry.putObject("oursMillis"), result.ours().spread(row));
        for (Result.Lighter lighter : result.lighter()) {
          ObjectNode less = entry.putObject("lessWorkMillis").put("run", lighter.name());
          ResultFile.spread(less, lighter.times().spread(row));
        }
        ObjectNode peers = entry.putObject("peers");
        for (Result.Peer peer : result.peers()) {
          add(peers.putObject(peer.name()), result.ours(), peer, row);
        }
      }
    }
  }

  private static void add(ObjectNode to, Times ours, Result.Peer peer, int row) {
    to.put("right", peer.verdict() instanceof Verdict.Agrees);
    to.put("said", peer.verdict().said());
    Optional<Times> theirs = peer.times();
    if (theirs.isPresent()) {
      ResultFile.spread(to.putObject("millis"), theirs.get().spread(row));
      ResultFile.spread(to.putObject("timesAsFast"), ours.ratios(row, theirs.get()));
      double ratio = theirs.get().spread(row).median() / ours.spread(row).median();
      to.put("ratioOfMedians", ratio);
    }
  }
}
