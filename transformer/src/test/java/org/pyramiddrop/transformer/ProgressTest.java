package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.transformer.TokenListener.Phase;

class ProgressTest {
  private final List<Integer> heard = new ArrayList<>();

  private TokenListener listener(boolean goesOn) {
    return new TokenListener() {
      @Override
      public boolean onToken(int id, String text) {
        return true;
      }

      @Override
      public boolean onProgress(Phase phase, int done, int total) {
        heard.add(done);
        return goesOn;
      }
    };
  }

  @Test
  void tellsNothingOnAThreadThatDidNotAsk() throws Exception {
    Progress progress = new Progress(listener(false), Phase.PREFILL, 3);
    List<Throwable> thrown = new ArrayList<>();
    Thread owner =
        Thread.ofPlatform()
            .uncaughtExceptionHandler((_, e) -> thrown.add(e))
            .start(() -> {
              progress.layer();
              progress.reach(3);
            });
    owner.join();
    assertThat(thrown).isEmpty();
    assertThat(heard).isEmpty();
    assertThat(progress.done()).isZero();
  }

  @Test
  void tellsWhatWasDoneOnce() {
    Progress progress = new Progress(listener(true), Phase.VISION, 6);
    progress.layer();
    progress.layer();
    progress.reach(2);
    progress.reach(5);
    progress.reach(5);
    progress.layer();
    assertThat(heard).containsExactly(1, 2, 5, 6);
  }

  @Test
  void saysWhoEndedWhat() {
    assertThatThrownBy(() -> new Progress(listener(false), Phase.VISION, 2).layer())
        .isInstanceOf(CancellationException.class)
        .hasMessage("the listener stopped it while pictures were encoded");
    Thread.currentThread().interrupt();
    try {
      assertThatThrownBy(() -> new Progress(listener(true), Phase.PREFILL, 2).layer())
          .isInstanceOf(CancellationException.class)
          .hasMessage("interrupted while the prompt was read");
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
  }
}
