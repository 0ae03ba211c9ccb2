/** The operations the model is written in, and the devices that run them. */
module org.pyramiddrop.kernels {
  requires static org.jspecify;
  requires jdk.incubator.vector;
  requires org.pyramiddrop.cuda;

  exports org.pyramiddrop.kernels;
}
