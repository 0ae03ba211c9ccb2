/**
 * Hugging Face checkpoints and inputs, read from disk: safetensors files, configurations,
 * tokenizer, chat template and images.
 */
module org.pyramiddrop.loader {
  requires static org.jspecify;
  requires transitive java.desktop;
  requires java.management;
  requires jdk.management;
  requires tools.jackson.core;

  exports org.pyramiddrop.loader;
  exports org.pyramiddrop.loader.dataset;

  uses javax.imageio.spi.ImageReaderSpi;
}
