/** LLaVA over kernels: vision tower, projector, decoder, pruning and generation. */
@SuppressWarnings("module") // The modules that use the engine are compiled after this one.
module org.pyramiddrop.transformer {
  requires jdk.jfr;
  requires static org.jspecify;
  requires transitive org.pyramiddrop.kernels;
  requires transitive org.pyramiddrop.loader;

  exports org.pyramiddrop.transformer;
  exports org.pyramiddrop.transformer.engine to
      org.pyramiddrop.training,
      org.pyramiddrop.bench;
  exports org.pyramiddrop.transformer.drawing;
  exports org.pyramiddrop.transformer.generation;
  exports org.pyramiddrop.transformer.pruning;
}
