package org.pyramiddrop.bench.speed.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.bench.speed.Sizes;
import org.pyramiddrop.bench.timing.Rounds;
import org.pyramiddrop.kernels.DType;

class JlamaSideTest {
  private static PeerProcess jlama;

  @TempDir private Path temp;

  @BeforeAll
  static void start() {
    jlama = PeerProcess.jlama(2);
  }

  @AfterAll
  static void stop() {
    jlama.close();
  }

  private Result hold(String sizes, int weights, DType dtype) {
    return Result.of(
        Comparisons.linear(Sizes.of(sizes), weights, dtype),
        temp,
        "cpu",
        List.of(jlama),
        2,
        Rounds.of(0, 2));
  }

  @Test
  void saysWhatItIs() {
    assertThat(jlama.versions()).matches("jlama \\d+\\.\\d+\\.\\d+");
    assertThat(jlama.threads()).isEqualTo(2);
    assertThat(jlama.has("linear", DType.FLOAT32)).isTrue();
    assertThat(jlama.has("model", DType.FLOAT32)).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "1x64x16,3,FLOAT32",
    "3x128x32,1,FLOAT32",
    "1x64x16,2,BFLOAT16",
    "5x64x11,1,BFLOAT16"
  })
  void isTimedWhereItsProductIsRight(String sizes, int weights, DType dtype) {
    Result.Peer peer = hold(sizes, weights, dtype).peer("Jlama").orElseThrow();
    assertThat(peer.verdict()).matches(Verdict::agrees);
    assertThat(peer.times().orElseThrow().spread(0).count()).isEqualTo(2);
    assertThat(peer.times().orElseThrow().spread(0).low()).isPositive();
  }

  @Test
  void isNotTimedWhereItForgetsTheCornerOfUnevenShapes() {
    // 7 rows in threes and 5 + 6 columns in fours leave a corner that no tile covers.
    Result result = hold("7x64x11", 1, DType.FLOAT32);
    Result.Peer peer = result.peer("Jlama").orElseThrow();
    assertThat(peer.times()).isEmpty();
    assertThat(peer.verdict()).matches(v -> !v.agrees());
    assertThat(peer.verdict().said()).contains("of 77 elements wrong").contains("row 6");
    assertThat(result.ours().spread(0).count()).isEqualTo(2);
    assertThat(result.disagrees()).isFalse();
  }
}
