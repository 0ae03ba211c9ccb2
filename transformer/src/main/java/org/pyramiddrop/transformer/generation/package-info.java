/** From logits to tokens to text. */
@NullMarked
package org.pyramiddrop.transformer.generation;

import org.jspecify.annotations.NullMarked;
