package org.pyramiddrop.bench.model;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.transformer.engine.Decoder;
import org.pyramiddrop.transformer.engine.ImageEncoder;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.WeightStore;

/**
 * A checkpoint's way to a device, again and again: vision tower, projector and decoder are made and
 * freed.
 *
 * @param owned closed with it
 */
public record RepeatedLoad(
    ModelDescription description, Checkpoint checkpoint, Kernels kernels, Resources owned)
    implements AutoCloseable {
  /**
   * Opens a model folder and a device, and loads nothing yet.
   *
   * @param device as {@link Devices#open} takes it
   */
  public static RepeatedLoad open(Path folder, String device) {
    Resources owned = new Resources();
    try {
      Checkpoint checkpoint = owned.add(Checkpoint.open(folder));
      ModelDescription description =
          ModelDescription.of(LlavaConfig.read(folder), checkpoint, checkpoint);
      DType dtype = WeightStore.activations(checkpoint, description.decoder());
      Kernels kernels = owned.add(Devices.open(device, 0, dtype));
      return new RepeatedLoad(description, checkpoint, kernels, owned);
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  /**
   * What a load came to.
   *
   * @param millis from the first weight's reading until the device had all of them
   * @param bytes that the device was handed
   * @param mapped those that lie in the files as they are, and not in a copy that had to be made
   */
  public record Loaded(double millis, long bytes, List<MemorySegment> mapped) {}

  /** The device in words. */
  public String device() {
    return kernels.description();
  }

  /** The tensors' bytes as they lie in the files, mapped; not all of them need be weights. */
  public List<MemorySegment> stored() {
    return checkpoint.names().stream().map(name -> checkpoint.tensor(name).data()).toList();
  }

  /** Loads everything, waits for it, and frees it. */
  public Loaded load() {
    List<MemorySegment> handed = new ArrayList<>();
    Stopwatch stopwatch = new Stopwatch();
    Kernels watched =
        WatchedKernels.of(
            kernels,
            false,
            (operation, arguments, _) -> {
              if (operation.equals("weight") && arguments.getFirst() instanceof List<?> parts) {
                parts.forEach(part -> handed.add(((HostMatrix) part).data()));
              }
            });
    try (Resources model = new Resources()) {
      WeightStore weights = model.add(new WeightStore(checkpoint, watched, Optional.empty()));
      model.add(new ImageEncoder(watched, description, weights, weights));
      model.add(new Decoder(watched, description.decoder(), weights));
      ModelOnDevice.waitFor(kernels);
      return new Loaded(
          stopwatch.millis(),
          handed.stream().mapToLong(MemorySegment::byteSize).sum(),
          handed.stream().filter(MemorySegment::isMapped).toList());
    }
  }

  @Override
  public void close() {
    owned.close();
  }
}
