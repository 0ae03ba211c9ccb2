package org.pyramiddrop.training.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Parameter;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.WeightStore;

/**
 * Hands a checkpoint's tensors to a device: as parameters those that are trained, as weights the
 * others. It owns the parameters; the store owns the weights.
 */
final class TrainedWeights implements AutoCloseable {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Device device;
  private final Set<ModelPart> trained;
  private final @Nullable LoraSettings lora;
  private final long seed;
  private final List<NamedParameter> parameters = new ArrayList<>();
  private final Resources owned = new Resources();

  /**
   * Begins with no parameter.
   *
   * @param trained which parts are; of the decoder only its LoRA if there is one
   * @param seed of a LoRA's first numbers
   */
  TrainedWeights(Device device, Set<ModelPart> trained, Optional<LoraSettings> lora, long seed) {
    this.device = device;
    this.trained = Set.copyOf(trained);
    this.lora = lora.orElse(null);
    this.seed = seed;
  }

  /** All parameters so far, in the order in which they were asked for. */
  List<NamedParameter> parameters() {
    return List.copyOf(parameters);
  }

  /** Whether any number of a part is trained. */
  boolean trains(ModelPart part) {
    return trained.contains(part);
  }

  private boolean trainsAll(ModelPart part) {
    return trained.contains(part) && !(part == ModelPart.DECODER && lora != null);
  }

  /** A vector: {@code size} × 1. */
  Learnt vector(WeightStore store, ModelPart part, String name, int size) {
    return trainsAll(part)
        ? parameter(store, part, name, size, 1, size)
        : new Learnt(store.vector(name, size), null);
  }

  /** A matrix. */
  Learnt matrix(WeightStore store, ModelPart part, String name, int rows, int columns) {
    return trainsAll(part)
        ? parameter(store, part, name, rows, columns, rows, columns)
        : new Learnt(store.matrix(new WeightStore.Matrix(name, rows, columns)), null);
  }

  /** A tensor of more or fewer dimensions, read as a matrix. */
  Learnt reshaped(
      WeightStore store, ModelPart part, String name, int rows, int columns, long... shape) {
    return trainsAll(part)
        ? parameter(store, part, name, rows, columns, shape)
        : new Learnt(store.reshaped(name, rows, columns, shape), null);
  }

  private Learnt parameter(
      WeightStore store, ModelPart part, String name, int rows, int columns, long... shape) {
    return register(part, name, store.stored(name, rows, columns, shape), shape);
  }

  private Learnt register(ModelPart part, String name, HostMatrix initial, long... shape) {
    Parameter parameter = owned.add(device.gradients().parameter(initial));
    parameters.add(
        new NamedParameter(name, LongStream.of(shape).boxed().toList(), part, parameter));
    return new Learnt(parameter.weight(), parameter);
  }

  /**
   * A matrix of a decoder layer, with its LoRA if it is a target of one. As in PEFT, A begins
   * uniform between -1/√inputs and 1/√inputs, and B as zeros.
   *
   * @param layer what the names of the layer's tensors begin with
   */
  TrainedLinear decoderLinear(
      WeightStore store,
      String layer,
      LoraSettings.Target target,
      int outputs,
      int inputs,
      boolean bias) {
    String module = layer + target.module();
    return new TrainedLinear(
        device,
        matrix(store, ModelPart.DECODER, module + ".weight", outputs, inputs),
        bias ? vector(store, ModelPart.DECODER, module + ".bias", outputs) : null,
        update(module, target, outputs, inputs));
  }

  private @Nullable LowRankUpdate update(
      String module, LoraSettings.Target target, int outputs, int inputs) {
    if (lora == null || !trains(ModelPart.DECODER) || !lora.targets().contains(target)) {
      return null;
    }
    int rank = lora.rank();
    float[] first = new float[rank * inputs];
    SplittableRandom random = new SplittableRandom(31 * seed + module.hashCode());
    double bound = 1 / Math.sqrt(inputs);
    for (int i = 0; i < first.length; i++) {
      first[i] = (float) random.nextDouble(-bound, bound);
    }
    return new LowRankUpdate(
        device,
        lowRank(module + LoraSettings.A, first, rank, inputs),
        lowRank(module + LoraSettings.B, new float[outputs * rank], outputs, rank),
        lora.scale());
  }

  private Parameter lowRank(String name, float[] values, int rows, int columns) {
    // On the heap, since a GPU's own thread reads it.
    MemorySegment data = MemorySegment.ofArray(new byte[Float.BYTES * values.length]);
    MemorySegment.copy(values, 0, data, FLOAT, 0, values.length);
    HostMatrix initial = new HostMatrix(DType.FLOAT32, data, rows, columns);
    Learnt learnt = register(ModelPart.DECODER, name, initial, rows, columns);
    return Objects.requireNonNull(learnt.parameter());
  }

  @Override
  public void close() {
    owned.close();
  }
}
