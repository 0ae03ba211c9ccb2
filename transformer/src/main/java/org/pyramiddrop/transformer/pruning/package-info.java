/**
 * How image tokens are cut on their way to and through the decoder, as data and arithmetic only.
 */
@NullMarked
package org.pyramiddrop.transformer.pruning;

import org.jspecify.annotations.NullMarked;
