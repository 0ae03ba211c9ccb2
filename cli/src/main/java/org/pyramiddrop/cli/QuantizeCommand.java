package org.pyramiddrop.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.DecoderDescription;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.training.files.QuantizedModelWriter;
import org.pyramiddrop.transformer.WeightFormat;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Converts a model's matrices once, into a folder. */
@Command(
    name = "quantize",
    description = {
      "Writes a model's folder with the decoder's matrices in 8 or 4 bits, in groups of 32, or in"
          + " 8-bit floats with a scale a row.",
      "The folder is in the layout of compressed-tensors (pack-quantized, float-quantized); all else"
          + " is carried over."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class QuantizeCommand implements Callable<Integer> {
  private static final String CONVERTING = "converting matrices";

  private final PrintWriter out;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description = "The folder of a Hugging Face checkpoint.")
  private Path model = Path.of("");

  @Mixin private VisionTowerOption visionTower = new VisionTowerOption();

  @Option(names = "--out", paramLabel = "DIR", required = true, description = "A new folder.")
  private Path folder = Path.of("");

  @Option(
      names = "--weights",
      paramLabel = "int8|int4|fp8",
      required = true,
      converter = EnumOption.OfWeightFormat.class,
      description = "What the matrices are converted to.")
  private WeightFormat weights = WeightFormat.INT8;

  QuantizeCommand(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    LlavaConfig config = ModelFolder.config(model, visionTower.folder());
    var type =
        weights
            .converted()
            .orElseThrow(() -> new UsageException("--weights takes int8, int4 or fp8 here"));
    try (Checkpoint checkpoint = Checkpoint.open(model);
        Progress bar = new Progress(CONVERTING)) {
      DecoderDescription decoder = ModelDescription.of(config, checkpoint, checkpoint).decoder();
      long before = checkpoint.bytes();
      QuantizedModelWriter.write(
          checkpoint, decoder, folder, type, (done, all) -> bar.move(CONVERTING, done, all));
      try (Checkpoint written = Checkpoint.open(folder)) {
        out.printf(
            Locale.ROOT,
            "%s: %s, %.2f GB instead of %.2f%n",
            folder,
            EnumOption.spelling(weights),
            written.bytes() / 1e9,
            before / 1e9);
      }
    } catch (IOException e) {
      throw new RunFailedException(String.valueOf(e.getMessage()), e);
    }
    return 0;
  }
}
