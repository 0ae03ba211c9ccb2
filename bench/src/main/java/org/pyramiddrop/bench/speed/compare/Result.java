package org.pyramiddrop.bench.speed.compare;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.speed.compare.Report.Operation;
import org.pyramiddrop.bench.speed.compare.Report.PeerTimes;
import org.pyramiddrop.bench.timing.Rounds;
import tools.jackson.databind.JsonNode;

/**
 * What came of a comparison.
 *
 * @param pruned this library's pruned run, which does less work
 * @param peers the others that have the operation, by name
 */
record Result(Comparison comparison, Times ours, Optional<Times> pruned, Map<String, Peer> peers) {
  /** What rows of this library's pruned run are called. */
  private static final String PRUNED = "ours pruned (4 stages, λ = 0.5): less work";

  /**
   * A side's milliseconds.
   *
   * @param rounds of each round, one a row of the comparison
   */
  record Times(List<List<Double>> rounds) {
    List<Double> row(int row) {
      return rounds.stream().map(round -> round.get(row)).toList();
    }

    Spread spread(int row) {
      return Spread.of(row(row));
    }
  }

  /**
   * Another side.
   *
   * @param verdict on its output
   * @param times empty if its output differs
   */
  record Peer(Verdict verdict, Optional<Times> times) {
    /** Beside ours in one row. */
    PeerTimes beside(Times ours, int row) {
      if (times.isEmpty()) {
        return new PeerTimes(false, verdict.said(), null, null, null);
      }
      Spread millis = times.get().spread(row);
      return new PeerTimes(
          true,
          verdict.said(),
          millis,
          Spread.ofRatios(times.get().row(row), ours.row(row)),
          millis.median() / ours.spread(row).median());
    }
  }

  /**
   * Holds a comparison: checks every side's output first, then times those that are right in turn.
   *
   * @param folder where files go that all sides read; emptied behind the comparison
   * @param backend what our side runs on
   * @param peers of which those take part that have the operation
   */
  static Result of(
      Comparison comparison,
      Path folder,
      String backend,
      List<PeerProcess> peers,
      int threads,
      Rounds rounds) {
    Path scratch = OutputFile.temporaryFolder(folder, "compare");
    try (Comparison.OwnSide own = comparison.preparation().prepare(scratch, backend, threads)) {
      List<Supplier<List<Double>>> sides = new ArrayList<>(List.of(own.run()));
      Map<String, Verdict> verdicts = new LinkedHashMap<>();
      for (PeerProcess peer : peers) {
        if (peer.has(comparison.operation(), comparison.dtype())) {
          Verdict verdict = judge(own, peer, scratch.resolve(peer.name() + ".raw"));
          verdicts.put(peer.name(), verdict);
          if (verdict.agrees()) {
            sides.add(peer::phases);
          }
        }
      }
      own.pruned().ifPresent(sides::add);
      Iterator<Times> times =
          rounds.run(sides).stream()
              .map(runs -> new Times(runs.stream().map(comparison.times()).toList()))
              .iterator();
      Times ours = times.next();
      Map<String, Peer> outcomes = new LinkedHashMap<>();
      verdicts.forEach((name, verdict) ->
          outcomes.put(
              name,
              new Peer(
                  verdict, Optional.of(verdict).filter(Verdict::agrees).map(_ -> times.next()))));
      return new Result(comparison, ours, own.pruned().map(_ -> times.next()), outcomes);
    } finally {
      OutputFile.deleteFolder(scratch);
    }
  }

  private static Verdict judge(Comparison.OwnSide own, PeerProcess peer, Path output) {
    JsonNode answer = peer.prepare(own.request().put("output", output.toString()));
    if (answer.has("unchecked")) {
      return Verdict.right(answer.path("unchecked").stringValue());
    }
    if (!Files.isRegularFile(output)) {
      throw new PeerProcess.Failure(peer.name() + " left no output to compare");
    }
    return own.check().apply(answer, RawNumbers.read(output));
  }

  /** Whether a side whose implementation is taken to be right gave another output. */
  boolean disagrees() {
    return peer(PeerProcess.TORCH).filter(torch -> torch.times().isEmpty()).isPresent();
  }

  Optional<Peer> peer(String name) {
    return Optional.ofNullable(peers.get(name));
  }

  /** The table's rows: ours, then those of the pruned run. */
  Stream<Operation> operations() {
    return Stream.concat(
        operations(ours, false), pruned.stream().flatMap(times -> operations(times, true)));
  }

  private Stream<Operation> operations(Times own, boolean less) {
    return IntStream.range(0, comparison.rows().size())
        .mapToObj(row -> {
          Map<String, PeerTimes> beside = new LinkedHashMap<>();
          peers.forEach((name, peer) -> beside.put(name, peer.beside(own, row)));
          String name =
              Stream.of(comparison.name(), comparison.rows().get(row), less ? PRUNED : "")
                  .filter(part -> !part.isEmpty())
                  .collect(Collectors.joining(", "));
          return new Operation(name, comparison.dtype().label(), less, own.spread(row), beside);
        });
  }

  /** What was the same on all sides, and how near the outputs were. */
  String statement() {
    StringBuilder line =
        new StringBuilder(
            "%s, %s: %s."
                .formatted(comparison.name(), comparison.dtype().label(), comparison.statement()));
    peers.forEach((name, peer) -> {
      String differs = peer.verdict().agrees() ? "" : "not timed, ";
      line.append(" %s: %s%s.".formatted(name, differs, peer.verdict().said()));
    });
    return line.toString();
  }
}
