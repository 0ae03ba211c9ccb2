package org.pyramiddrop.training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.pyramiddrop.kernels.GradientKernels;
import org.pyramiddrop.kernels.Parameter;
import org.pyramiddrop.loader.AtomicFile;
import org.pyramiddrop.loader.ModelFiles;
import org.pyramiddrop.training.files.AdapterWriter;
import org.pyramiddrop.training.files.AtomicFolder;
import org.pyramiddrop.training.files.FolderLock;
import org.pyramiddrop.training.files.ModelFolderWriter;
import org.pyramiddrop.training.files.TrainingStateFile;
import org.pyramiddrop.training.model.LoraSettings;
import org.pyramiddrop.training.model.NamedParameter;
import org.pyramiddrop.training.model.TrainedModel;
import org.pyramiddrop.transformer.engine.WeightStore;

/**
 * The folder of a run: the model as it was saved last, and, until the run is finished, what it
 * needs to go on from there.
 */
final class RunFolder {
  /** The log's name, unless another is given. */
  static final String LOG = "train.csv";

  /** The drawn loss, which doesn't make a folder one that a run was saved in. */
  private static final String CHART = "loss.png";

  private final TrainingOptions options;
  private final ModelFiles files;
  private final TrainedModel model;
  private final Map<String, String> settings;
  private final Path folder;
  private final Map<String, NamedParameter> parameters = new LinkedHashMap<>();
  private int saved;

  /**
   * The folder of this run.
   *
   * @param settings what a run that goes on must have in common with this one
   * @throws IllegalArgumentException if what is trained can't be saved
   */
  RunFolder(
      TrainingOptions options, ModelFiles files, TrainedModel model, Map<String, String> settings) {
    this.options = options;
    this.files = files;
    this.model = model;
    folder = options.files().out().toAbsolutePath().normalize();
    this.settings = settings;
    model.parameters().forEach(each -> parameters.put(each.name(), each));
    if (options.model().lora().isPresent() && !options.saving().merge()) {
      refuseWhatNoAdapterHolds();
    } else {
      refuseWhatTheFolderLacks();
    }
  }

  private void refuseWhatTheFolderLacks() {
    for (NamedParameter each : parameters.values()) {
      if (!isLora(each) && !files.checkpoint().contains(each.name())) {
        throw new IllegalArgumentException(
            "%s lies outside of the model's folder and can't be saved; leave tower out of --train"
                .formatted(each.name()));
      }
    }
  }

  /** Said before the run, not when its result is to be saved. */
  private void refuseWhatNoAdapterHolds() {
    for (NamedParameter each : parameters.values()) {
      if (!isLora(each) && !AdapterWriter.holds(each.name())) {
        throw new IllegalArgumentException(
            "an adapter can't hold %s; train less by --train, or save the model by --lora-merge"
                .formatted(each.name()));
      }
    }
  }

  /**
   * Keeps other runs out of a folder until what this returns is closed.
   *
   * @throws IllegalArgumentException if another run has it
   */
  static FolderLock lock(Path folder) {
    try {
      return FolderLock.of(folder);
    } catch (IllegalStateException e) {
      throw new IllegalArgumentException("--out " + e.getMessage(), e);
    } catch (IOException e) {
      throw new TrainingException(folder + " can't be used: " + AtomicFile.reason(e), e);
    }
  }

  /**
   * Refuses a folder that a new run can't have, before anything is read for it.
   *
   * @throws IllegalArgumentException if it has more in it than the log of a run that saved nothing,
   *     or is the model's own
   */
  static void check(TrainingOptions options) {
    Path folder = options.files().out();
    try {
      AtomicFolder.recover(folder);
      if (Files.exists(folder) && Files.isSameFile(folder, options.files().model())) {
        throw new IllegalArgumentException(
            "--out %s is the folder of the model itself; name a new one".formatted(folder));
      }
      if (options.saving().resume() || !Files.exists(folder)) {
        return;
      }
      try (Stream<Path> entries = Files.list(folder)) {
        if (entries.anyMatch(entry -> !entry.endsWith(LOG) && !entry.endsWith(CHART))) {
          throw new IllegalArgumentException(
              "--out %s isn't empty; name a new folder, or go on with the run in it by --resume"
                  .formatted(folder));
        }
      }
    } catch (IOException e) {
      throw new TrainingException(folder + " can't be used: " + AtomicFile.reason(e), e);
    }
  }

  /**
   * Makes the folder, or puts the parameters back to where a run was saved in it.
   *
   * @return how many steps are done
   * @throws IllegalArgumentException if there is no run to go on with, or it had other options
   */
  int begin() {
    if (!options.saving().resume()) {
      try {
        Files.createDirectories(folder);
      } catch (IOException e) {
        throw new TrainingException(folder + " can't be made: " + AtomicFile.reason(e), e);
      }
      requireReplaceable();
      return 0;
    }
    try (TrainingStateFile state = TrainingStateFile.open(folder)) {
      state.requireSettings(settings);
      state.requireParameters(entries());
      for (NamedParameter each : parameters.values()) {
        for (Parameter.Content content : Parameter.Content.values()) {
          gradients().upload(state.read(each.name(), content), each.parameter(), content);
        }
      }
      saved = Math.toIntExact(state.step());
      return saved;
    }
  }

  /** Said before the run, not when its result is to be saved. */
  private void requireReplaceable() {
    try {
      AtomicFolder.requireReplaceable(folder);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "--out %s can't be replaced by a saved folder (%s); name a folder inside it"
              .formatted(folder, AtomicFile.reason(e)),
          e);
    }
  }

  private GradientKernels gradients() {
    return model.device().gradients();
  }

  private List<TrainingStateFile.Entry> entries() {
    return parameters.values().stream()
        .map(each -> new TrainingStateFile.Entry(each.name(), each.shape()))
        .toList();
  }

  /**
   * Saves the run, so that it can go on from there, and the model as it is.
   *
   * @return whether there was something new to save
   */
  boolean save(int step) {
    if (step == saved) {
      return false;
    }
    try {
      saveState(step);
      writeModel();
      return true;
    } catch (IOException e) {
      throw new TrainingException(String.valueOf(e.getMessage()), e);
    }
  }

  private void saveState(int step) throws IOException {
    TrainingStateFile.write(
        folder,
        step,
        settings,
        entries(),
        (name, content) -> gradients().download(parameter(name).parameter(), content));
    saved = step;
  }

  private NamedParameter parameter(String name) {
    return Objects.requireNonNull(parameters.get(name));
  }

  /**
   * Saves the model, and forgets what the run needed to go on. If the model can't be saved, the run
   * is, as far as the disk lets it: going on with it saves the model then.
   */
  void finish(int step) {
    try {
      writeModel();
      TrainingStateFile.delete(folder);
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      try {
        saveState(step);
      } catch (IOException | RuntimeException | OutOfMemoryError again) {
        e.addSuppressed(again);
      }
      throw new TrainingException(e.getMessage() + lastSaved(), e);
    }
  }

  private void writeModel() throws IOException {
    if (options.model().lora().isPresent() && !options.saving().merge()) {
      writeAdapter(options.model().lora().get());
      return;
    }
    Map<String, Supplier<float[]>> trained = new HashMap<>();
    for (NamedParameter each : parameters.values()) {
      if (!isLora(each)) {
        trained.put(each.name(), () -> value(each));
      }
    }
    options.model().lora().ifPresent(lora -> merge(lora, trained));
    // A vision tower in a folder of its own is not part of the model's.
    ModelFolderWriter.write(files.checkpoint(), folder, trained, options.device().dtype());
  }

  private static boolean isLora(NamedParameter parameter) {
    return parameter.name().endsWith(LoraSettings.A) || parameter.name().endsWith(LoraSettings.B);
  }

  private float[] value(NamedParameter parameter) {
    return gradients().download(parameter.parameter(), Parameter.Content.VALUE);
  }

  private void merge(LoraSettings lora, Map<String, Supplier<float[]>> trained) {
    for (NamedParameter each : parameters.values()) {
      if (each.name().endsWith(LoraSettings.A)) {
        String module = each.name().substring(0, each.name().length() - LoraSettings.A.length());
        NamedParameter b = parameter(module + LoraSettings.B);
        trained.put(
            module + ".weight",
            () ->
                MergedMatrix.of(
                    files.checkpoint().tensor(module + ".weight"),
                    value(each),
                    value(b),
                    lora.rank(),
                    lora.scale()));
      }
    }
  }

  private void writeAdapter(LoraSettings lora) throws IOException {
    AdapterWriter.write(
        folder,
        new AdapterWriter.Settings(
            options.files().model().toAbsolutePath().normalize().toString(),
            lora.rank(),
            lora.alpha()),
        parameters.values().stream()
            .map(each -> new AdapterWriter.Entry(each.name(), each.shape(), () -> value(each)))
            .toList(),
        options
            .device()
            .dtype()
            .orElseGet(
                () -> WeightStore.activations(files.checkpoint(), files.description().decoder())));
  }

  /** What a message says of the state that is left. */
  String lastSaved() {
    return saved == 0 ? "; nothing was saved" : "; step %d is saved in %s".formatted(saved, folder);
  }

  /** The folder. */
  Path path() {
    return folder;
  }
}
