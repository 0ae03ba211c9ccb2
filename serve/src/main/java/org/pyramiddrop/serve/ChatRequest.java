package org.pyramiddrop.serve;

import org.pyramiddrop.transformer.Request;

/**
 * A chat completion that is asked for.
 *
 * @param request what the model is asked
 * @param stream whether the answer comes as it is generated
 * @param usage whether a stream ends with the numbers of tokens
 * @param kept whether the answer tells which image tokens each stage kept
 * @param overlay whether it comes with a drawing of them
 */
record ChatRequest(Request request, boolean stream, boolean usage, boolean kept, boolean overlay) {}
