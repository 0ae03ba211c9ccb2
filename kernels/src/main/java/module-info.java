/** The operations the model is written in, and the devices that run them. */
module org.pyramiddrop.kernels {
  requires static org.jspecify;
  requires jdk.incubator.vector;
  requires org.pyramiddrop.cuda;

  exports org.pyramiddrop.kernels;

  uses org.pyramiddrop.kernels.DeviceProvider;

  // The class path has the same list in META-INF/services, in the same order.
  provides org.pyramiddrop.kernels.DeviceProvider with
      org.pyramiddrop.kernels.cpu.CpuProvider,
      org.pyramiddrop.kernels.cpu.NativeProvider,
      org.pyramiddrop.kernels.cuda.CudaProvider;
}
