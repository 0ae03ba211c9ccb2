/** LLaVA over kernels: vision tower, projector, decoder, pruning and generation. */
module org.pyramiddrop.transformer {
  requires jdk.jfr;
  requires static org.jspecify;
  requires transitive org.pyramiddrop.kernels;
  requires transitive org.pyramiddrop.loader;

  exports org.pyramiddrop.transformer;
  exports org.pyramiddrop.transformer.drawing;
  exports org.pyramiddrop.transformer.generation;
  exports org.pyramiddrop.transformer.pruning;
}
