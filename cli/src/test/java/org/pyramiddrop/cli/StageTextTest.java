package org.pyramiddrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.transformer.Stage;

class StageTextTest {

  @Test
  void theTableNamesLayersTokensAndShareOfEveryStage() {
    List<Stage> stages =
        List.of(
            new Stage(0, 64, List.of()), new Stage(2, 21, List.of()), new Stage(7, 8, List.of()));

    assertThat(StageText.table(64, List.of(), stages, 8))
        .containsExactly(
            "stage  layers  image tokens   share",
            "    0     0-1            64  100.0%",
            "    1     2-6            21   32.8%",
            "    2       7             8   12.5%");
  }
}
