package org.pyramiddrop.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;
import org.pyramiddrop.kernels.GradientKernels.AdamW;

/** One step of AdamW: what all numbers of a parameter share is computed once, in double. */
final class AdamWStep {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

  private final float gradientScale;
  private final float keep;
  private final float beta1;
  private final float rest1;
  private final float beta2;
  private final float rest2;

  /** The learning rate over what corrects the first moment, below 0. */
  private final float rate;

  /** The reciprocal root of what corrects the second moment. */
  private final float root;

  private final float epsilon;

  AdamWStep(AdamW settings, float learningRate, float gradientScale) {
    this.gradientScale = gradientScale;
    keep = (float) (1 - (double) learningRate * settings.weightDecay());
    beta1 = settings.beta1();
    rest1 = (float) (1 - (double) beta1);
    beta2 = settings.beta2();
    rest2 = (float) (1 - (double) beta2);
    rate = (float) (-learningRate / (1 - Math.pow(beta1, settings.step())));
    root = (float) (1 / Math.sqrt(1 - Math.pow(beta2, settings.step())));
    epsilon = settings.epsilon();
  }

  /** Changes {@code count} numbers of a parameter from {@code first} on. */
  void run(CpuParameter parameter, int first, int count) {
    MemorySegment value = parameter.value();
    float[] gradient = parameter.gradient().data();
    float[] moment1 = parameter.firstMoment();
    float[] moment2 = parameter.secondMoment();
    int bound = first + F.loopBound(count);
    for (int i = first; i < bound; i += Lanes.COUNT) {
      FloatVector g = FloatVector.fromArray(F, gradient, i).mul(gradientScale);
      FloatVector m = first(FloatVector.fromArray(F, moment1, i), g);
      FloatVector v = second(FloatVector.fromArray(F, moment2, i), g);
      FloatVector x = FloatVector.fromMemorySegment(F, value, 4L * i, LITTLE);
      m.intoArray(moment1, i);
      v.intoArray(moment2, i);
      value(x, m, v).intoMemorySegment(value, 4L * i, LITTLE);
    }
    VectorMask<Float> in = F.indexInRange(bound, first + count);
    if (in.anyTrue()) {
      FloatVector g = FloatVector.fromArray(F, gradient, bound, in).mul(gradientScale);
      FloatVector m = first(FloatVector.fromArray(F, moment1, bound, in), g);
      FloatVector v = second(FloatVector.fromArray(F, moment2, bound, in), g);
      FloatVector x = FloatVector.fromMemorySegment(F, value, 4L * bound, LITTLE, in);
      m.intoArray(moment1, bound, in);
      v.intoArray(moment2, bound, in);
      value(x, m, v).intoMemorySegment(value, 4L * bound, LITTLE, in);
    }
  }

  private FloatVector first(FloatVector moment, FloatVector g) {
    return g.fma(Lanes.splat(rest1), moment.mul(beta1));
  }

  private FloatVector second(FloatVector moment, FloatVector g) {
    return g.mul(g).fma(Lanes.splat(rest2), moment.mul(beta2));
  }

  private FloatVector value(FloatVector x, FloatVector first, FloatVector second) {
    FloatVector denominator = second.sqrt().fma(Lanes.splat(root), Lanes.splat(epsilon));
    return first.div(denominator).fma(Lanes.splat(rate), x.mul(keep));
  }
}
