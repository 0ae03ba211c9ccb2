/**
 * What {@code tokenizer.json} describes, in Java: text to token ids and back, as the Hugging Face
 * tokenizers library does it.
 */
@NullMarked
package org.pyramiddrop.loader.tokenizer;

import org.jspecify.annotations.NullMarked;
