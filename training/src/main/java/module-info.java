/** Training of LLaVA models, with image tokens dropped between decoder layers as at inference. */
@SuppressWarnings("requires-automatic") // JFreeChart has a name, but no description.
module org.pyramiddrop.training {
  requires org.jfree.jfreechart;
  requires static org.jspecify;
  requires transitive org.pyramiddrop.transformer;
  requires tools.jackson.core;

  exports org.pyramiddrop.training;
  exports org.pyramiddrop.training.chart;
  exports org.pyramiddrop.training.data;
  exports org.pyramiddrop.training.files;
  exports org.pyramiddrop.training.model;
}
