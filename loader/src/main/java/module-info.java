/**
 * Hugging Face checkpoints and inputs, read from disk: safetensors files, configurations,
 * tokenizer, chat template and pictures.
 */
module org.pyramiddrop.loader {
  requires static org.jspecify;
  requires transitive java.desktop;
  requires tools.jackson.core;
  requires ai.djl.tokenizers;
  // The tokenizers module has no descriptor that would ask for these two.
  requires com.google.gson;
  requires org.slf4j;
  requires com.drew.metadata;

  exports org.pyramiddrop.loader;
}
