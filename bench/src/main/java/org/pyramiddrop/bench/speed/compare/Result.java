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
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.timing.Rounds;
import tools.jackson.databind.JsonNode;

/**
 * What came of a comparison.
 *
 * @param pruned this library's pruned run, which does less work
 * @param peers the others that have the operation
 */
record Result(Comparison comparison, Times ours, Optional<Times> pruned, List<Peer> peers) {
  /**
   * A side's milliseconds.
   *
   * @param rounds of each round, one a row of the comparison
   */
  record Times(List<List<Double>> rounds) {
    private List<Double> row(int row) {
      return rounds.stream().map(round -> round.get(row)).toList();
    }

    Spread spread(int row) {
      return Spread.of(row(row));
    }

    /** How many times as fast as the other's a row's runs are, round by round. */
    Spread ratios(int row, Times other) {
      return Spread.ofRatios(other.row(row), row(row));
    }
  }

  /**
   * Another side.
   *
   * @param verdict on its output
   * @param times empty if its output differs
   */
  record Peer(String name, Verdict verdict, Optional<Times> times) {}

  /**
   * Holds a comparison: checks every side's output first, then times those that are right in turn.
   *
   * @param folder where files go that all sides read; emptied behind the comparison
   * @param peers of which those take part that have the operation
   */
  static Result of(
      Comparison comparison, Path folder, List<PeerProcess> peers, int threads, Rounds rounds) {
    Path scratch = OutputFile.temporaryFolder(folder, "compare");
    try (Comparison.OwnSide own = comparison.preparation().prepare(scratch, threads)) {
      List<Supplier<List<Double>>> sides = new ArrayList<>(List.of(own.run()));
      Map<String, Verdict> verdicts = new LinkedHashMap<>();
      for (PeerProcess peer : peers) {
        if (peer.has(comparison.operation())) {
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
      List<Peer> outcomes = new ArrayList<>();
      verdicts.forEach((name, verdict) -> {
        boolean agrees = verdict.agrees();
        outcomes.add(
            new Peer(name, verdict, agrees ? Optional.of(times.next()) : Optional.empty()));
      });
      return new Result(comparison, ours, own.pruned().map(_ -> times.next()), outcomes);
    } finally {
      OutputFile.deleteFolder(scratch);
    }
  }

  private static Verdict judge(Comparison.OwnSide own, PeerProcess peer, Path output) {
    JsonNode answer = peer.prepare(own.request().put("output", output.toString()));
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
    return peers.stream().filter(peer -> peer.name().equals(name)).findFirst();
  }
}
