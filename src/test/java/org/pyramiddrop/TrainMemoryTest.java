package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.TextConfig;
import org.pyramiddrop.loader.Tokenizer;
import org.pyramiddrop.training.data.BadSamples;
import org.pyramiddrop.training.data.ConversationEncoder;
import org.pyramiddrop.training.data.EncodedConversation;
import org.pyramiddrop.training.data.TrainingData;

/** Training in a heap not much larger than what has to be held, counted by hand. */
class TrainMemoryTest {
  private static final Path SCENES = Installation.root().resolve("models/scenes");
  private static final Path MODEL = SCENES.resolve("model");
  private static final Path DATA = SCENES.resolve("training/samples.json");
  private static final int SAMPLES = 64;

  /** What Java itself, the tokenizer and the readers of images hold. */
  private static final long OTHER = 16 << 20;

  @TempDir private Path own;

  /** Rows of a step, and those that predict an answer's token, if all samples were the longest. */
  private record Rows(long all, long predicting) {
    static Rows longest(LlavaConfig config) {
      long all = 0;
      long predicting = 0;
      try (Tokenizer tokenizer = Tokenizer.open(MODEL);
          TrainingData data =
              TrainingData.open(
                  DATA,
                  SCENES.resolve("training"),
                  ChatTemplate.read(MODEL),
                  BadSamples.STOP,
                  _ -> {})) {
        ConversationEncoder encoder = ConversationEncoder.of(MODEL, config, tokenizer);
        for (int i = 0; i < data.size(); i++) {
          EncodedConversation conversation = encoder.encode(data.sample(i));
          int answers = 0;
          for (boolean answer : conversation.answer()) {
            answers += answer ? 1 : 0;
          }
          all = Math.max(all, conversation.ids().length - 1L + config.vision().patches());
          predicting = Math.max(predicting, answers);
        }
      }
      return new Rows(SAMPLES * all, SAMPLES * predicting);
    }
  }

  /** Bytes that a step without drops has to hold. */
  private static long counted(boolean checkpointing) {
    LlavaConfig config = LlavaConfig.read(MODEL);
    TextConfig text = config.text();
    Rows rows = Rows.longest(config);
    long hidden = text.hiddenSize();
    long inner = text.intermediateSize();
    long input = rows.all * hidden;
    // Query, key, value, what attention made, the states behind it; gate and up.
    long saved = rows.all * (5 * hidden + 2 * inner);
    long savedLast = rows.all * 2 * hidden + rows.predicting * (3 * hidden + 2 * inner);
    long layers =
        checkpointing
            ? text.layers() * input + saved
            : text.layers() * input + (text.layers() - 1) * saved + savedLast;
    // The gradients of a layer's output and of its gated product, and that product again.
    long backward = rows.all * (hidden + 2 * inner);
    // Embeddings and their gradients; what the projector read and made.
    long images = SAMPLES * (long) config.vision().patches() * 4 * hidden;
    // Pixels of this step and the next.
    long side = config.vision().imageSize();
    long pixels = 2 * SAMPLES * 3 * side * side;
    // Value, gradient and two moments.
    long parameters = 4 * trainedNumbers();
    return Float.BYTES * (layers + backward + images + pixels + parameters) + OTHER;
  }

  private static long trainedNumbers() {
    try (Checkpoint checkpoint = Checkpoint.open(MODEL)) {
      return checkpoint.names().stream()
          .filter(name -> !name.contains("vision_tower"))
          .mapToLong(name -> checkpoint.tensor(name).elements())
          .sum();
    }
  }

  private CommandRun train(long heap, boolean checkpointing)
      throws IOException, InterruptedException {
    // Nearly all of the heap is the old generation's, which is compacted when it is full.
    return Program.script(
            own,
            "sh",
            Installation.CHECKOUT.command(),
            "-J-XX:+UseSerialGC",
            "-J-Xmn2m",
            "-J-Xmx" + (heap >> 10) + "k",
            "train",
            "--model",
            MODEL.toString(),
            "--data",
            DATA.toString(),
            "--out",
            own.resolve("out").toString(),
            "--backend",
            "cpu",
            "--steps",
            "2",
            "--batch",
            String.valueOf(SAMPLES),
            "--pruning",
            "none",
            checkpointing ? "--checkpointing" : "--seed=1")
        .run();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aStepTakesHardlyMoreThanWhatItMustHold(boolean checkpointing)
      throws IOException, InterruptedException {
    CommandRun run = train((long) (1.2 * counted(checkpointing)), checkpointing);

    assertThat(run.ownErr()).isEmpty();
    assertThat(run.code()).isZero();
  }

  @Test
  void tooLittleMemoryEndsInOneLineThatSaysWhatToDo() throws IOException, InterruptedException {
    CommandRun run = train((long) (0.8 * counted(false)), false);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.ownErr()).hasSize(1);
    assertThat(run.ownErr().getFirst())
        .contains("not enough memory", "--batch", "--checkpointing", "nothing was saved");
  }
}
