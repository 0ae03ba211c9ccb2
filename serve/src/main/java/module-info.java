/** An OpenAI-compatible endpoint before a LLaVA model. */
@SuppressWarnings("requires-automatic") // Prometheus' libraries have names, but no descriptions.
module org.pyramiddrop.serve {
  requires io.prometheus.metrics.core;
  requires io.prometheus.metrics.model;
  requires io.prometheus.writer.text;
  requires java.desktop;
  requires static org.jspecify;
  requires org.eclipse.jetty.server;
  requires transitive org.pyramiddrop.transformer;
  requires tools.jackson.databind;

  exports org.pyramiddrop.serve;

  opens org.pyramiddrop.serve to
      tools.jackson.databind;
}
