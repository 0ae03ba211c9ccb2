package org.pyramiddrop.bench.compare;

import java.util.List;
import java.util.Optional;

/**
 * What came of a contest.
 *
 * @param lighter this library's runs that do less work
 * @param peers the others that have the operation
 */
record Result(Contest contest, Times ours, List<Lighter> lighter, List<Peer> peers) {
  /** Keeps its own copies of the lists. */
  Result {
    lighter = List.copyOf(lighter);
    peers = List.copyOf(peers);
  }

  /** A run of this library that does less work. */
  record Lighter(String name, Times times) {}

  /**
   * Another side.
   *
   * @param verdict on its output
   * @param times empty if its output differs
   */
  record Peer(String name, Verdict verdict, Optional<Times> times) {}

  /** Whether a side whose implementation is taken to be right gave another output. */
  boolean disagrees() {
    return peers.stream()
        .anyMatch(peer -> peer.name().equals(TorchSide.NAME) && peer.times().isEmpty());
  }

  /** The outcome of a peer, if it took part. */
  Optional<Peer> peer(String name) {
    return peers.stream().filter(peer -> peer.name().equals(name)).findFirst();
  }
}
