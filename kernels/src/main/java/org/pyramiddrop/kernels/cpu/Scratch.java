package org.pyramiddrop.kernels.cpu;

import java.util.Arrays;

/** Working memory that grows to what was asked for and is kept for the next operation. */
final class Scratch {
  private static final float[] NONE = new float[0];

  private final float[][] ofWorkers;
  private float[] left = NONE;
  private float[] keys = NONE;
  private float[] values = NONE;

  Scratch(int workers) {
    ofWorkers = new float[workers][];
    Arrays.fill(ofWorkers, NONE);
  }

  /** Memory of one worker; what it held before is undefined. */
  float[] ofWorker(int worker, int size) {
    ofWorkers[worker] = grown(ofWorkers[worker], size);
    return ofWorkers[worker];
  }

  /** The packed left side of a product. */
  float[] left(int size) {
    left = grown(left, size);
    return left;
  }

  /** The packed keys of an attention. */
  float[] keys(int size) {
    keys = grown(keys, size);
    return keys;
  }

  /** The packed values of an attention. */
  float[] values(int size) {
    values = grown(values, size);
    return values;
  }

  private static float[] grown(float[] now, int size) {
    return now.length >= size ? now : new float[size];
  }
}
