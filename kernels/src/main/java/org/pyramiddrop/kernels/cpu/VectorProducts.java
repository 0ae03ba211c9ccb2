package org.pyramiddrop.kernels.cpu;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;

/** Products on the Vector API: few rows stream the weights, many are packed. */
final class VectorProducts implements Products {
  private final MatrixProduct matrix;
  private final StreamingProduct streaming;

  VectorProducts(Workers workers, BlockedProduct product) {
    matrix = new MatrixProduct(workers, product);
    streaming = new StreamingProduct(workers);
  }

  @Override
  public void linear(
      CpuTensor x, CpuWeight w, @Nullable CpuWeight bias, Activation activation, CpuTensor out) {
    if (x.rows() <= StreamingProduct.MAX_ROWS) {
      streaming.linear(x, w, bias, activation, out);
    } else {
      matrix.linear(x, w, bias, activation, out);
    }
  }

  @Override
  public void swiGlu(CpuTensor x, CpuWeight gateUp, CpuTensor out) {
    if (x.rows() <= StreamingProduct.MAX_ROWS) {
      streaming.swiGlu(x, gateUp, out);
    } else {
      matrix.swiGlu(x, gateUp, out);
    }
  }

  @Override
  public boolean useVectorApi(DType weights) {
    return true;
  }

  /** All of them: Java reads its own arrays as well as memory outside. */
  @Override
  public List<HostMatrix> readable(List<HostMatrix> matrices) {
    return matrices;
  }
}
