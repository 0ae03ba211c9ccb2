package org.pyramiddrop.cli;

import java.nio.file.Path;
import org.pyramiddrop.kernels.DeviceStatus;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.LoadOptions;
import org.pyramiddrop.transformer.WeightFormat;
import org.pyramiddrop.transformer.WeightType;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The flags that say which model runs, and on what. */
final class ModelOptions {
  private static final String CONVERTING = "converting matrices";

  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description = "The folder of a Hugging Face checkpoint.")
  private Path model = Path.of("");

  @Mixin private VisionTowerOption visionTower = new VisionTowerOption();

  @Option(
      names = "--backend",
      paramLabel = "auto|cpu|native|cuda",
      converter = EnumOption.OfBackend.class,
      description = "What runs the model; auto takes the fastest there is.")
  private Backend backend = Backend.AUTO;

  @Option(
      names = "--dtype",
      paramLabel = "auto|float32|bfloat16|float16",
      converter = EnumOption.OfWeightType.class,
      description = "The type of the weights; auto leaves them as they are in the checkpoint.")
  private WeightType dtype = WeightType.AUTO;

  @Option(
      names = "--weights",
      paramLabel = "stored|int8|int4|fp8",
      converter = EnumOption.OfWeightFormat.class,
      description =
          "How the decoder's matrices are held: as they are stored, or converted while they are"
              + " loaded to 8 or 4 bits in blocks of 32 (int8, int4) or to 8-bit floats with a scale"
              + " a row (fp8), which takes half or a quarter of the memory of bfloat16.")
  private WeightFormat weights = WeightFormat.STORED;

  @Option(
      names = "--copy",
      description =
          "Read the weights into memory instead of mapping them, so that the folder may be changed"
              + " meanwhile.")
  private boolean copy;

  /**
   * Reads the model's configuration.
   *
   * @throws UsageException if the folder is none with a model
   */
  LlavaConfig config() {
    return ModelFolder.config(model, visionTower.folder());
  }

  /**
   * Refuses a backend that isn't there.
   *
   * @throws UsageException saying why not
   */
  void checkBackend() {
    String name = EnumOption.spelling(backend);
    for (DeviceStatus device : Devices.all()) {
      if (device.name().equals(name) && !device.available()) {
        throw new UsageException("--backend " + name + " can't be used: " + device.detail());
      }
    }
  }

  /** The name of the model's folder. */
  String name() {
    Path folder = model.toAbsolutePath().normalize().getFileName();
    return folder == null ? "model" : folder.toString();
  }

  /** Loads the model. */
  Llava load() {
    LoadOptions options =
        LoadOptions.defaults()
            .withBackend(backend)
            .withDtype(dtype)
            .withCopy(copy)
            .withWeights(weights);
    Path tower = visionTower.folder();
    LoadOptions all = tower == null ? options : options.withVisionTower(tower);
    if (weights == WeightFormat.STORED) {
      return Llava.load(model, all);
    }
    try (Progress bar = new Progress(CONVERTING)) {
      return Llava.load(model, all, (done, matrices) -> bar.move(CONVERTING, done, matrices));
    }
  }
}
