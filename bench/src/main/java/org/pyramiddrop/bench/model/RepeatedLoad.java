package org.pyramiddrop.bench.model;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.transformer.engine.Decoder;
import org.pyramiddrop.transformer.engine.Projector;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.VisionTower;
import org.pyramiddrop.transformer.engine.WeightStore;

/**
 * A checkpoint's way to a device, again and again: vision tower, projector and decoder are made and
 * freed.
 */
public final class RepeatedLoad implements AutoCloseable {
  private static final double NANOS_PER_MILLI = 1e6;

  private final ModelDescription description;
  private final Checkpoint checkpoint;
  private final Kernels kernels;
  private final Resources resources;

  private RepeatedLoad(Path folder, String device, Resources resources) {
    this.resources = resources;
    checkpoint = resources.add(Checkpoint.open(folder));
    description = ModelDescription.of(LlavaConfig.read(folder), checkpoint, checkpoint);
    DType dtype = WeightStore.activations(checkpoint, description.decoder());
    int threads = Runtime.getRuntime().availableProcessors();
    kernels = resources.add(Devices.open(device, threads, dtype));
  }

  /**
   * Opens a model folder and a device, and loads nothing yet.
   *
   * @param device as {@link Devices#open} takes it
   */
  public static RepeatedLoad open(Path folder, String device) {
    Resources resources = new Resources();
    try {
      return new RepeatedLoad(folder, device, resources);
    } catch (RuntimeException | Error e) {
      resources.closeAfter(e);
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
    Resources model = new Resources();
    long start = System.nanoTime();
    double millis;
    try {
      Kernels counting = counting(handed);
      WeightStore weights = model.add(new WeightStore(checkpoint, counting, Optional.empty()));
      model.add(new VisionTower(counting, description.visionTower(), weights));
      Projector _ = new Projector(counting, description.projector(), weights);
      model.add(new Decoder(counting, description.decoder(), weights));
      ModelOnDevice.waitFor(kernels);
      millis = (System.nanoTime() - start) / NANOS_PER_MILLI;
    } catch (RuntimeException | Error e) {
      model.closeAfter(e);
      throw e;
    }
    model.close();
    return new Loaded(
        millis,
        handed.stream().mapToLong(MemorySegment::byteSize).sum(),
        handed.stream().filter(MemorySegment::isMapped).toList());
  }

  /** The device, with a list of what it is handed. */
  private Kernels counting(List<MemorySegment> handed) {
    return (Kernels)
        Proxy.newProxyInstance(
            Kernels.class.getClassLoader(),
            new Class<?>[] {Kernels.class},
            (_, method, arguments) -> counted(handed, method, arguments));
  }

  private @Nullable Object counted(
      List<MemorySegment> handed, Method method, Object @Nullable [] arguments) throws Throwable {
    if (method.getName().equals("weight") && arguments != null) {
      for (Object part : (List<?>) arguments[0]) {
        handed.add(((HostMatrix) part).data());
      }
    }
    try {
      return method.invoke(kernels, arguments);
    } catch (InvocationTargetException e) {
      throw e.getTargetException();
    }
  }

  @Override
  public void close() {
    resources.close();
  }
}
