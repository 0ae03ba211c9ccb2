/**
 * LLaVA models that answer questions about images, with image tokens pruned on the way. It brings
 * {@code org.pyramiddrop.transformer}, where {@code Llava} is, and what that needs; it has no code
 * of its own.
 */
module org.pyramiddrop {
  requires transitive org.pyramiddrop.transformer;
}
