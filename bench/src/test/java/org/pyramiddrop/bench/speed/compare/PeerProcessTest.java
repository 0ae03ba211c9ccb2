package org.pyramiddrop.bench.speed.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class PeerProcessTest {
  private static final ObjectNode REQUEST = JsonMapper.shared().createObjectNode().put("op", "x");

  @TempDir private Path temp;

  @Test
  void saysWhatItRunsOnAndReadsOneTimeOrSeveral() throws IOException {
    String script =
        """
        echo '{"torch": "1", "transformers": "2", "threads": 3}'
        read -r line; echo "{\\"echo\\": $line}"
        read -r line; echo '{"millis": 2.5}'
        read -r line; echo '{"millis": [3, 4.5]}'
        """;
    try (PeerProcess torch = StandIn.start(temp, script)) {
      assertThat(torch.versions()).isEqualTo("torch 1, transformers 2");
      assertThat(torch.threads()).isEqualTo(3);
      assertThat(torch.prepare(REQUEST).path("echo")).isEqualTo(REQUEST);
      assertThat(torch.millis()).isEqualTo(2.5);
      assertThat(torch.phases()).isEqualTo(List.of(3.0, 4.5));
    }
  }

  @Test
  void passesOnWhatTheOtherSideComplainsAbout() throws IOException {
    String script = "echo '{\"threads\": 3}'; read -r line; echo '{\"error\": \"no memory\"}'";
    try (PeerProcess torch = StandIn.start(temp, script)) {
      assertThatThrownBy(() -> torch.prepare(REQUEST))
          .isInstanceOf(PeerProcess.Failure.class)
          .hasMessage("PyTorch: no memory");
    }
  }

  @Test
  void saysThatTheOtherSideEnded() throws IOException {
    try (PeerProcess torch = StandIn.start(temp, "echo '{\"threads\": 3}'; read -r line")) {
      assertThatThrownBy(() -> torch.prepare(REQUEST))
          .isInstanceOf(PeerProcess.Failure.class)
          .hasMessage("PyTorch: ended without an answer");
    }
  }

  @Test
  void namesTheInterpreterThatLacksPyTorch() {
    assertThatThrownBy(
            () -> StandIn.start(temp, "echo '{\"error\": \"can\\u0027t import torch\"}'"))
        .isInstanceOf(PeerProcess.Failure.class)
        .hasMessage("sh can't import torch; set PYTHON to one with torch and transformers");
  }

  @Test
  void namesTheInterpreterThatIsMissing() throws IOException {
    Path script = Files.writeString(temp.resolve("side.py"), "");
    assertThatThrownBy(() -> PeerProcess.torch("no-such-python", script, 1))
        .isInstanceOf(PeerProcess.Failure.class)
        .hasMessage(
            "no-such-python can't be started; set PYTHON to one with torch and transformers");
  }
}
