package org.pyramiddrop.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.cli.PyramidDropCommand;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.SafetensorsFile;
import org.pyramiddrop.loader.StoredType;
import org.pyramiddrop.training.files.FolderLock;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.LoadOptions;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** {@code pyramiddrop train}, from files to files. */
class TrainCommandTest {
  @TempDir Path folder;
  private TrainingFolder training = new TrainingFolder(Path.of(""));

  @BeforeEach
  void begin() throws IOException {
    training = new TrainingFolder(folder).samples(8);
  }

  private record Ran(int code, String out, String err) {}

  private static Ran run(String... command) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code =
        PyramidDropCommand.run(
            new ByteArrayInputStream(new byte[0]),
            new PrintWriter(out, true),
            new PrintWriter(err, true),
            command);
    return new Ran(code, out.toString(), err.toString());
  }

  private static void assertRan(Ran run) {
    assertThat(run.err).isEmpty();
    assertThat(run.code).isZero();
  }

  private List<String> log() throws IOException {
    return Files.readAllLines(training.out().resolve("train.csv"));
  }

  private static double loss(String line) {
    return Double.parseDouble(line.split(",", -1)[1]);
  }

  @Test
  void learnsEightSamplesByHeartAndAnswersThemPruned() throws IOException {
    Ran run =
        run(
            training.command(
                "--steps", "60", "--batch", "4", "--accumulate", "2", "--learning-rate", "5e-3"));
    assertRan(run);
    assertThat(run.out)
        .contains("60 steps", "image tokens", "tokens/s", "left")
        .endsWith("the result is in " + training.out() + System.lineSeparator());
    assertThat(log())
        .hasSize(61)
        .first()
        .isEqualTo("step,loss,gradient_norm,learning_rate,answer_tokens,image_tokens");
    assertThat(loss(log().getLast())).isLessThan(0.01);
    assertThat(ImageIO.read(training.out().resolve("loss.png").toFile())).isNotNull();
    LoadOptions cpu = LoadOptions.defaults().withBackend(Backend.CPU);
    try (Llava llava = Llava.load(training.out(), cpu)) {
      Options pruned = Options.defaults().withPruning(PruningPlan.pyramid(4, 0.5));
      for (int i = 0; i < 8; i++) {
        Path picture = training.images().resolve(TrainingFolder.picture(i));
        assertThat(llava.ask(Question.of(TrainingFolder.question(i), picture), pruned).text())
            .isEqualTo(TrainingFolder.answer(i));
      }
    }
  }

  @Test
  void aRunThatWasSavedGoesOnToTheSameBits() throws IOException {
    String[] options = {
      "--steps",
      "7",
      "--batch",
      "3",
      "--learning-rate",
      "1e-3",
      "--schedule",
      "cosine",
      "--warm-up",
      "0.2",
      "--weight-decay",
      "0.1",
      "--clip",
      "0.5",
      "--train",
      "projector,decoder,tower",
      "--vision-learning-rate",
      "1e-4",
      "--seed",
      "5"
    };
    assertRan(run(training.command(options)));
    byte[] whole = Files.readAllBytes(training.out().resolve("model.safetensors"));
    List<String> lines = log();

    // The data changes under the run behind the fourth step: it ends, saved behind its last one.
    TrainingFolder again = new TrainingFolder(folder.resolve("again"));
    Files.createDirectory(again.folder());
    again.samples(8);
    Path pictures = Files.createDirectory(again.folder().resolve("pictures"));
    try (Stream<Path> files = Files.list(training.images())) {
      for (Path file : files.toList()) {
        Files.copy(file, pictures.resolve(file.getFileName()));
      }
    }
    List<String> command = new ArrayList<>(List.of(again.command(options)));
    command.set(command.indexOf("--images") + 1, pictures.toString());
    command.addAll(List.of("--save-every", "2"));
    Path saved = again.out().resolve("training_state.json");
    Thread breaker =
        Thread.ofVirtual()
            .start(() -> {
              while (!isOfStep(saved, 4)) {
                Thread.onSpinWait();
              }
              for (String name : List.of("wide.png", "upright.png")) {
                if (!pictures
                    .resolve(name)
                    .toFile()
                    .renameTo(pictures.resolve("x" + name).toFile())) {
                  throw new AssertionError(name);
                }
              }
            });
    Ran broken = run(command.toArray(String[]::new));
    waitFor(breaker);
    assertThat(broken.code).isEqualTo(1);
    assertThat(broken.err.lines()).hasSize(1);
    assertThat(broken.err).contains("is saved in").doesNotContain("unexpected");
    assertThat(broken.err).contains("wide.png");
    int done = Files.readAllLines(again.out().resolve("train.csv")).size() - 1;
    assertThat(broken.err).contains("step " + done + " is saved in");
    for (String name : List.of("wide.png", "upright.png")) {
      Files.move(pictures.resolve("x" + name), pictures.resolve(name));
    }
    command.add("--resume");
    Ran resumed = run(command.toArray(String[]::new));
    assertRan(resumed);
    assertThat(resumed.out).contains("of them done");
    assertThat(Files.readAllBytes(again.out().resolve("model.safetensors"))).isEqualTo(whole);
    assertThat(Files.readAllLines(again.out().resolve("train.csv"))).isEqualTo(lines);
    assertThat(saved).doesNotExist();
  }

  private static boolean isOfStep(Path state, int step) {
    try {
      return Files.exists(state) && Files.readString(state).contains("\"step\":" + step);
    } catch (IOException e) {
      return false;
    }
  }

  private static void waitFor(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void checkpointingSavesTheSameBits() throws IOException {
    String[] options = {"--steps", "3", "--batch", "4", "--learning-rate", "1e-3"};
    assertRan(run(training.command(options)));
    TrainingFolder other = new TrainingFolder(Files.createDirectory(folder.resolve("other")));
    other.samples(8);
    List<String> command = new ArrayList<>(List.of(other.command(options)));
    command.add("--checkpointing");
    assertRan(run(command.toArray(String[]::new)));
    assertThat(Files.readAllBytes(other.out().resolve("model.safetensors")))
        .isEqualTo(Files.readAllBytes(training.out().resolve("model.safetensors")));
  }

  @Test
  void savesInTheTypeThatIsAsked() {
    assertRan(run(training.command("--steps", "1", "--dtype", "bfloat16")));
    try (Checkpoint saved = Checkpoint.open(training.out())) {
      assertThat(saved.names()).isNotEmpty();
      assertThat(saved.names()).allMatch(name -> saved.tensor(name).type() == StoredType.BF16);
    }
  }

  @Test
  void savesALoraAsAnAdapterOrMerged() throws IOException {
    String[] lora = {
      "--steps", "2", "--lora-rank", "2", "--lora-targets", "q,v", "--train", "decoder"
    };
    assertRan(run(training.command(lora)));
    try (SafetensorsFile adapter =
        SafetensorsFile.open(training.out().resolve("adapter_model.safetensors"))) {
      assertThat(adapter.names())
          .contains("base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight")
          .allMatch(name -> name.contains(".q_proj.") || name.contains(".v_proj."));
    }
    assertThat(training.out().resolve("model.safetensors")).doesNotExist();

    TrainingFolder other = new TrainingFolder(Files.createDirectory(folder.resolve("other")));
    other.samples(8);
    List<String> merged = new ArrayList<>(List.of(other.command(lora)));
    merged.add("--lora-merge");
    assertRan(run(merged.toArray(String[]::new)));
    assertThat(Files.readAllLines(other.out().resolve("train.csv"))).isEqualTo(log());
    try (Checkpoint before = Checkpoint.open(other.model());
        Checkpoint after = Checkpoint.open(other.out())) {
      for (String name : before.names()) {
        boolean trained = name.contains("language_model") && name.matches(".*\\.[qv]_proj\\..*");
        boolean same = before.tensor(name).data().mismatch(after.tensor(name).data()) < 0;
        assertThat(same).as(name).isEqualTo(!trained);
      }
    }
  }

  static Stream<Arguments> wrongUses() {
    return Stream.of(
        Arguments.of(List.of("--steps", "0"), "must have at least 1 step"),
        Arguments.of(List.of("--steps", "1", "--epochs", "1"), "--epochs doesn't go with --steps"),
        Arguments.of(List.of("--batch", "0"), "must be at least 1"),
        Arguments.of(List.of("--learning-rate", "0"), "the learning rate must be above 0"),
        Arguments.of(List.of("--warm-up", "2"), "a share of the steps"),
        Arguments.of(List.of("--clip", "0"), "must be above 0"),
        Arguments.of(List.of("--train", "tower,head"), "'head' is none of"),
        Arguments.of(List.of("--lora-alpha", "4"), "need --lora-rank"),
        Arguments.of(List.of("--lora-merge"), "needs --lora-rank"),
        Arguments.of(List.of("--vision-learning-rate", "1"), "needs tower in --train"),
        Arguments.of(
            List.of("--lora-rank", "2", "--train", "projector"), "a LoRA is of the decoder"),
        Arguments.of(
            List.of("--lora-rank", "2", "--train", "decoder,tower"), "an adapter can't hold"),
        Arguments.of(List.of("--stages", "99"), "99 stages don't fit"),
        Arguments.of(
            List.of("--plan", "visionzip:5+2,pyramid:2:.5"),
            "training drops image tokens between decoder layers only"),
        Arguments.of(List.of("--resume"), "no run was saved in"),
        Arguments.of(List.of("--data", "nowhere.json"), "nowhere.json"),
        Arguments.of(List.of("--model", "nowhere"), "nowhere"));
  }

  @ParameterizedTest
  @MethodSource("wrongUses")
  void saysInALineWhatIsWrongAndLeavesNothing(List<String> more, String message)
      throws IOException {
    List<String> command = new ArrayList<>(List.of(training.command()));
    for (int i = 0; i + 1 < more.size(); i += 2) {
      int at = command.indexOf(more.get(i));
      if (at >= 0) {
        command.remove(at);
        command.remove(at);
      }
    }
    command.addAll(more);
    Ran run = run(command.toArray(String[]::new));
    assertThat(run.err.lines()).hasSize(1);
    assertThat(run.err).contains(message);
    assertThat(run.code).isEqualTo(2);
    assertThat(training.out().resolve("config.json")).doesNotExist();
  }

  @Test
  void aBadSampleStopsTheRunOrIsSkippedByName() throws IOException {
    Files.writeString(
        training.data(),
        Files.readString(training.data())
            + TrainingFolder.line("gone", "gone.png", "what is it ?", "red")
            + "\n"
            + TrainingFolder.line("mute", "wide.png", "what is it ?", " ")
            + "\n");
    Ran stopped = run(training.command("--steps", "1"));
    assertThat(stopped.code).isEqualTo(2);
    assertThat(stopped.err.lines()).hasSize(1);
    assertThat(stopped.err).contains("line 9", "gone");
    Ran skipped = run(training.command("--steps", "1", "--bad-samples", "skip"));
    assertThat(skipped.code).isZero();
    assertThat(skipped.err.lines()).hasSize(2);
    assertThat(skipped.err).contains("line 9", "gone", "line 10", "mute");
  }

  @Test
  void aLossThatIsNoNumberEndsTheRunWithWhatWasSavedWhole() throws IOException {
    Ran run =
        run(training.command("--steps", "50", "--learning-rate", "1e30", "--save-every", "1"));
    assertThat(run.code).isEqualTo(1);
    assertThat(run.err.lines()).hasSize(1);
    assertThat(run.err).contains("lower --learning-rate").doesNotContain("unexpected");
  }

  @Test
  void aRunGoesOnWithItsOwnOptionsOnly() throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                training.command("--steps", "50", "--save-every", "1", "--learning-rate", "1e30")));
    assertThat(run(command.toArray(String[]::new)).code).isEqualTo(1);
    assertThat(training.out().resolve("training_state.json")).exists();
    command.addAll(List.of("--resume", "--batch", "2"));
    Ran run = run(command.toArray(String[]::new));
    assertThat(run.code).isEqualTo(2);
    assertThat(run.err.lines()).hasSize(1);
    assertThat(run.err).contains("had --batch 1, now 2");
  }

  @Test
  void takesNoFolderThatHasSomethingInIt() throws IOException {
    Files.createDirectories(training.out());
    Files.writeString(training.out().resolve("notes.txt"), "mine");
    Ran run = run(training.command("--steps", "1"));
    assertThat(run.code).isEqualTo(2);
    assertThat(run.err).contains("isn't empty").contains("--resume");
    assertThat(training.out().resolve("notes.txt")).hasContent("mine");
  }

  @Test
  void aFolderIsOneRunsAtATime() throws IOException {
    String[] command = training.command("--steps", "1");
    try (FolderLock _ = FolderLock.of(training.out())) {
      Ran run = run(command);
      assertThat(run.code).isEqualTo(2);
      assertThat(run.err)
          .isEqualToNormalizingNewlines(
              "pyramiddrop: --out " + training.out() + " is in use by another run\n");
      assertThat(training.out()).doesNotExist();
    }
    assertRan(run(command));
    assertThat(folder)
        .isDirectoryNotContaining(file -> file.getFileName().toString().startsWith("."));
  }

  @Test
  void aRunThatSavedNothingCanBeBegunAgain() throws IOException {
    String[] command = training.command("--steps", "50", "--learning-rate", "1e30");
    assertThat(run(command).err).contains("nothing was saved");
    assertThat(training.out().resolve("train.csv")).exists();
    assertThat(run(command).err).contains("nothing was saved");
  }

  @Test
  void aResultThatDoesNotFitItsTypeKeepsTheRun() throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                training.command("--steps", "1", "--learning-rate", "1e6", "--dtype", "float16")));
    Ran run = run(command.toArray(String[]::new));
    assertThat(run.code).isEqualTo(1);
    assertThat(run.err.lines()).hasSize(1);
    assertThat(run.err).contains("step 1 is saved in").doesNotContain("unexpected");
    assertThat(training.out().resolve("training_state.json")).exists();
    assertThat(training.out().resolve("model.safetensors")).doesNotExist();
  }
}
