package org.pyramiddrop.transformer.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private final List<Integer> heard = new ArrayList<>();

  private Progress.Listener listener(boolean goesOn) {
    return (done, total) -> {
      heard.add(done);
      return goesOn;
    };
  }

  @Test
  void tellsNothingOnAThreadThatDidNotAsk() throws Exception {
    Progress progress = Progress.ofPrefill(listener(false), 3);
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
    Progress progress = Progress.ofVision(listener(true), 6);
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
    assertThatThrownBy(() -> Progress.ofVision(listener(false), 2).layer())
        .isInstanceOf(CancellationException.class)
        .hasMessage("the listener stopped it while images were encoded");
    Thread.currentThread().interrupt();
    try {
      assertThatThrownBy(() -> Progress.ofPrefill(listener(true), 2).layer())
          .isInstanceOf(CancellationException.class)
          .hasMessage("interrupted while the prompt was read");
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
  }
}
