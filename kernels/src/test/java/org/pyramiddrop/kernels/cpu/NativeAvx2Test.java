package org.pyramiddrop.kernels.cpu;

/** Products by native code on a processor that has AVX2 alone, whose bfloat16 rounds no rows. */
final class NativeAvx2Test extends NativeProductsTest {
  @Override
  public NativeLibrary library() {
    return super.library().limitedTo(NativeLibrary.AVX2);
  }

  @Override
  protected double share() {
    return 0.2;
  }
}
