/** Training of LLaVA models, with image tokens dropped between decoder layers as at inference. */
module org.pyramiddrop.training {
  requires static org.jspecify;
  requires transitive org.pyramiddrop.transformer;
  requires tools.jackson.core;

  exports org.pyramiddrop.training;
  exports org.pyramiddrop.training.data;
  exports org.pyramiddrop.training.files;
  exports org.pyramiddrop.training.model;
}
