package org.pyramiddrop.bench.speed.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Shell scripts that stand in for {@code torch_side.py}. */
final class StandIn {
  private StandIn() {}

  /**
   * Starts a side that leaves a prepared output and whose n-th time is n milliseconds in each
   * phase.
   *
   * @param output what it says it computed, whatever it is asked
   * @param said the answer to what prepares it
   */
  static PeerProcess computing(Path folder, float[] output, int phases, String said)
      throws IOException {
    Path numbers = folder.resolve("stand-in.raw");
    RawNumbers.write(numbers, output);
    String times = "$n" + ", $n".repeat(phases - 1);
    return start(
        folder,
        """
        echo '{"torch": "1", "transformers": "2", "threads": 3}'
        n=0
        while read -r line; do
          case "$line" in
            *'"time"'*) n=$((n + 1)); echo "{\\"millis\\": [TIMES]}" ;;
            *) to=${line##*'"output":"'}; cp 'NUMBERS' "${to%%'"'*}"; echo 'SAID' ;;
          esac
        done
        """
            .replace("TIMES", times)
            .replace("NUMBERS", numbers.toString())
            .replace("SAID", said));
  }

  /** Starts a script. */
  static PeerProcess start(Path folder, String script) throws IOException {
    return PeerProcess.torch("sh", Files.writeString(folder.resolve("side.py"), script), 3);
  }
}
