package org.pyramiddrop.bench.compare;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.pyramiddrop.bench.OutputFile;
import tools.jackson.databind.JsonNode;

/**
 * Holds contests: checks every side's output first, then times those that are right in turn.
 *
 * @param folder where files go that all sides read; emptied behind each contest
 * @param threads of each side
 */
record Referee(Path folder, List<PeerProcess> peers, int threads, Rounds rounds) {
  /** Keeps its own copy of the peers. */
  Referee {
    peers = List.copyOf(peers);
  }

  /** Runs one contest with the peers that have its operation. */
  Result hold(Contest contest) {
    Path scratch = scratch();
    try (Contest.Prepared prepared = contest.prepare(scratch, threads)) {
      List<PeerProcess> taking =
          peers.stream().filter(peer -> peer.has(contest.operation())).toList();
      List<Verdict> verdicts = new ArrayList<>();
      List<Supplier<List<Double>>> sides = new ArrayList<>();
      sides.add(prepared::run);
      prepared.lighter().forEach(lighter -> sides.add(lighter.run()));
      for (PeerProcess peer : taking) {
        Verdict verdict = judge(prepared, peer, scratch.resolve(peer.name() + ".raw"));
        verdicts.add(verdict);
        if (verdict instanceof Verdict.Agrees) {
          sides.add(peer::phases);
        }
      }
      return result(contest, prepared, taking, verdicts, rounds.run(inRows(contest, sides)));
    } finally {
      OutputFile.deleteFolder(scratch);
    }
  }

  private static Verdict judge(Contest.Prepared prepared, PeerProcess peer, Path output) {
    JsonNode answer = peer.prepare(prepared.request().put("output", output.toString()));
    if (!Files.isRegularFile(output)) {
      throw new PeerProcess.Failure(peer.name() + " left no output to compare");
    }
    return prepared.check(answer, RawNumbers.read(output));
  }

  private static List<Supplier<List<Double>>> inRows(
      Contest contest, List<Supplier<List<Double>>> sides) {
    return sides.stream()
        .<Supplier<List<Double>>>map(side -> () -> contest.times(side.get()))
        .toList();
  }

  private static Result result(
      Contest contest,
      Contest.Prepared prepared,
      List<PeerProcess> taking,
      List<Verdict> verdicts,
      List<Times> times) {
    int next = 1;
    List<Result.Lighter> lighter = new ArrayList<>();
    for (Contest.Lighter run : prepared.lighter()) {
      lighter.add(new Result.Lighter(run.name(), times.get(next)));
      next++;
    }
    List<Result.Peer> peers = new ArrayList<>();
    for (int i = 0; i < taking.size(); i++) {
      Optional<Times> own = Optional.empty();
      if (verdicts.get(i) instanceof Verdict.Agrees) {
        own = Optional.of(times.get(next));
        next++;
      }
      peers.add(new Result.Peer(taking.get(i).name(), verdicts.get(i), own));
    }
    return new Result(contest, times.getFirst(), lighter, peers);
  }

  private Path scratch() {
    try {
      return Files.createTempDirectory(folder, "compare").toAbsolutePath();
    } catch (IOException e) {
      throw new UncheckedIOException(folder + " can't be written: " + e.getMessage(), e);
    }
  }
}
