/** How image tokens are dropped on the way through the decoder, as data and arithmetic only. */
@NullMarked
package org.pyramiddrop.transformer.pruning;

import org.jspecify.annotations.NullMarked;
