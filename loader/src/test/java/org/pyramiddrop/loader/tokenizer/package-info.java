/** Tests of the tokenizer against the Hugging Face tokenizers library. */
@NullMarked
package org.pyramiddrop.loader.tokenizer;

import org.jspecify.annotations.NullMarked;
